"""Apple's provider API, spoken with a fake that enforces it."""

import os
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from service.domain.errors import UnavailableError
from service.domain.pushes import Device, Push, PushResult
from service.stores.provider_tokens import ProviderTokens, PushKeyError
from service.stores.push import Apns
from tests.fakes import KEY_ID, NONE_RECEIVED, TEAM_ID, TOPIC, Fakes, fakes, launch
from tests.servers import free_port


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fakes]:
    with fakes(tmp_path_factory.mktemp("fakes")) as running:
        yield running


@pytest.fixture
def outside(running: Fakes) -> Fakes:
    running.forget()
    return running


@pytest.fixture
def apns(outside: Fakes) -> Iterator[Apns]:
    apns = outside.apns(patience=5)
    yield apns
    apns.close()


def make_push(payload: bytes = b'{"aps":{"alert":"Hello"}}', token: str | None = None) -> Push:
    device = Device(1, token or os.urandom(32).hex())
    return Push(str(uuid4()), device, "like-7", payload, int(time.time()) + 60, ())


def send(apns: Apns, pushes: list[Push]) -> list[PushResult]:
    results: list[PushResult] = []
    apns.send(pushes, results.extend)
    return results


def outcomes(results: list[PushResult]) -> dict[str, str]:
    return {result.push.id: f"{result.outcome} {result.reason}".strip() for result in results}


def test_many_pushes_arrive_on_one_connection_each_once(outside: Fakes, apns: Apns) -> None:
    pushes = [make_push() for _ in range(500)]
    results = send(apns, pushes)
    assert outcomes(results) == {push.id: "delivered" for push in pushes}
    assert outside.counts() == {**NONE_RECEIVED, "received": 500, "accepted": 500}
    assert {m["apns_id"] for m in outside.messages()} == {push.id for push in pushes}
    first = next(m for m in outside.messages() if m["apns_id"] == pushes[0].id)
    assert first == {
        "apns_id": pushes[0].id,
        "device": pushes[0].device.token,
        "collapse_id": "like-7",
        "payload": '{"aps":{"alert":"Hello"}}',
    }
    # A token of its own each time would be refused: the connection and its token are kept.
    assert outcomes(send(apns, [make_push()])).popitem()[1] == "delivered"


def test_the_largest_payload_is_taken_and_a_larger_one_not_even_sent(outside: Fakes, apns: Apns) -> None:
    largest = [make_push(b"x" * 4096) for _ in range(100)]
    larger = make_push(b"x" * 4097)
    results = outcomes(send(apns, [larger, *largest]))
    assert results == {push.id: "delivered" for push in largest} | {larger.id: "refused PayloadTooLarge"}
    assert outside.counts()["received"] == 100


def test_a_device_that_is_gone_is_told_with_the_moment(outside: Fakes, apns: Apns) -> None:
    here, gone = make_push(), make_push()
    before = datetime.now(UTC)
    assert outside.ask("POST", "/gone", {"tokens": [gone.device.token]}).status == 200
    results = {result.push.id: result for result in send(apns, [here, gone])}
    assert results[here.id] == PushResult(here, "delivered")
    assert (results[gone.id].outcome, results[gone.id].reason) == ("gone", "Unregistered")
    since = results[gone.id].since
    assert since is not None
    assert abs((since - before).total_seconds()) < 5


def test_a_token_that_is_no_device_s_is_gone(apns: Apns) -> None:
    push = make_push(token="ab" * 4)
    assert outcomes(send(apns, [push])) == {push.id: "gone BadDeviceToken"}


def test_a_busy_service_gets_the_rest_later(outside: Fakes, apns: Apns) -> None:
    outside.tell("push", status=503, share=0.5)
    outside.tell("push", status=429, share=0.2)
    pushes = [make_push() for _ in range(60)]
    assert outcomes(send(apns, pushes)) == {push.id: "delivered" for push in pushes}
    counts = outside.counts()
    assert (counts["accepted"], counts["duplicates"]) == (60, 0)
    assert counts["rejected"].keys() == {"ServiceUnavailable", "TooManyRequests"}


def test_retry_after_is_waited_for(outside: Fakes, apns: Apns) -> None:
    outside.tell("push", status=429, retry_after=2)
    began = time.monotonic()
    apns_patient = outside.apns(patience=3.5)
    with pytest.raises(UnavailableError, match="429 TooManyRequests"):
        send(apns_patient, [make_push()])
    assert 2.0 <= time.monotonic() - began < 3.5
    assert outside.counts()["rejected"] == {"TooManyRequests": 2}


def test_a_device_that_is_told_too_much_holds_up_nobody_else(outside: Fakes, apns: Apns) -> None:
    outside.tell("push", status=429, retry_after=4, times=1)
    pushes, began = [make_push() for _ in range(100)], time.monotonic()
    finished: dict[str, float] = {}
    apns.send(pushes, lambda results: finished.update({r.push.id: time.monotonic() - began for r in results}))
    assert finished.keys() == {push.id for push in pushes}
    assert finished.pop(pushes[0].id) >= 4.0
    assert max(finished.values()) < 4.0


@pytest.mark.timed
def test_a_service_that_is_away_for_longer_is_left_at_once(outside: Fakes, apns: Apns) -> None:
    outside.tell("push", status=503, retry_after=60)
    began = time.monotonic()
    with pytest.raises(UnavailableError, match="503 ServiceUnavailable, to be tried again later"):
        send(apns, [make_push()])
    assert time.monotonic() - began < 3
    outside.forgive()
    assert [result.outcome for result in send(apns, [make_push()])] == ["delivered"]


def test_what_finished_before_the_trouble_is_reported(outside: Fakes, apns: Apns) -> None:
    outside.tell("push", status=503, share=0.3, retry_after=60)
    results: list[PushResult] = []
    pushes = [make_push() for _ in range(50)]
    with pytest.raises(UnavailableError):
        apns.send(pushes, results.extend)
    assert 0 < len(results) < 50
    assert len(results) == outside.counts()["accepted"]


@pytest.mark.timed
def test_a_silent_service_costs_its_patience_and_no_more(outside: Fakes) -> None:
    outside.tell("push", delay=60)
    apns, began = outside.apns(patience=0.5), time.monotonic()
    with pytest.raises(UnavailableError, match="no answer in time"):
        send(apns, [make_push()])
    assert 0.5 <= time.monotonic() - began < 2


def test_a_lost_connection_is_made_anew_and_what_was_under_way_repeated(outside: Fakes, apns: Apns) -> None:
    outside.tell("push", disconnect=True, share=0.05, times=2)
    pushes = [make_push() for _ in range(100)]
    assert outcomes(send(apns, pushes)) == {push.id: "delivered" for push in pushes}
    counts = outside.counts()
    # The fake had accepted those whose answers were lost; it knows them again by their ids.
    assert counts["duplicates"] == counts["accepted"] - 100
    assert counts["duplicates"] > 0


def test_a_service_that_was_started_anew_is_found_again(tmp_path: Path) -> None:
    port, push_port = free_port(), free_port()
    with launch(tmp_path / "fakes", port, push_port) as first:
        apns = first.apns(patience=5)
        assert [result.outcome for result in send(apns, [make_push()])] == ["delivered"]
    with pytest.raises(UnavailableError):
        send(first.apns(patience=0.5), [make_push()])
    with launch(tmp_path / "fakes", port, push_port) as second:
        push = make_push()
        assert outcomes(send(apns, [push])) == {push.id: "delivered"}
        assert second.counts() == {**NONE_RECEIVED, "received": 1, "accepted": 1}
    apns.close()


def test_an_expired_token_is_renewed_once(outside: Fakes) -> None:
    behind = [7200.0]
    tokens = ProviderTokens(outside.folder / "provider-key.pem", KEY_ID, TEAM_ID, lambda: time.time() - behind[0])
    stale = tokens.current()
    behind[0] = 0.0
    assert tokens.reject(stale)
    fresh = tokens.current()
    assert fresh != stale
    assert tokens.reject(stale)
    # It was only just made: another one would be turned away.
    assert not tokens.reject(fresh)


def test_pushes_under_an_expired_token_are_sent_again(outside: Fakes) -> None:
    moments = iter([time.time() - 4000] * 3)
    tokens = ProviderTokens(
        outside.folder / "provider-key.pem", KEY_ID, TEAM_ID, lambda: next(moments, None) or time.time()
    )
    tokens.current()
    apns = outside.apns(tokens)
    assert [result.outcome for result in send(apns, [make_push()])] == ["delivered"]
    apns.close()


def test_a_clock_that_is_wrong_is_trouble_not_a_loop(outside: Fakes) -> None:
    tokens = ProviderTokens(outside.folder / "provider-key.pem", KEY_ID, TEAM_ID, lambda: time.time() - 7200)
    with pytest.raises(UnavailableError, match="does not accept us: 403 ExpiredProviderToken"):
        send(outside.apns(tokens), [make_push()])
    assert outside.counts()["received"] == 1


def test_tokens_are_renewed_in_time_but_not_too_often(outside: Fakes) -> None:
    now = [1_000_000.0]
    tokens = ProviderTokens(outside.folder / "provider-key.pem", KEY_ID, TEAM_ID, lambda: now[0])
    shown = []
    for _ in range(24):
        shown.append(tokens.current())
        now[0] += 300
    # Two hours, one every 40 minutes.
    assert [shown.index(token) * 5 for token in dict.fromkeys(shown)] == [0, 40, 80]


def test_another_team_or_topic_is_not_accepted(outside: Fakes) -> None:
    stranger = ProviderTokens(outside.folder / "provider-key.pem", KEY_ID, "OTHERTEAM0")
    with pytest.raises(UnavailableError, match="403 InvalidProviderToken"):
        send(outside.apns(stranger), [make_push()])
    apns = Apns(outside.push_url, "org.example.other", outside.tokens(), outside.folder / "authority.pem")
    with pytest.raises(UnavailableError, match="400 TopicDisallowed"):
        send(apns, [make_push()])
    assert TOPIC != "org.example.other"


def test_a_server_of_an_unknown_authority_is_not_trusted(outside: Fakes) -> None:
    with pytest.raises(UnavailableError, match="certificate"):
        send(Apns(outside.push_url, TOPIC, outside.tokens(), patience=0.3), [make_push()])
    assert outside.counts() == NONE_RECEIVED


def test_a_missing_authority_is_told_at_once(outside: Fakes, tmp_path: Path) -> None:
    with pytest.raises((OSError, ssl.SSLError)):
        Apns(outside.push_url, TOPIC, outside.tokens(), tmp_path / "nothing.pem")


@pytest.mark.parametrize("text", ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_key_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "key.pem"
    file.write_text(text)
    with pytest.raises(PushKeyError, match=str(file)):
        ProviderTokens(file, KEY_ID, TEAM_ID)


def test_a_key_of_another_kind_is_named(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    key = ec.generate_private_key(ec.SECP384R1())
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(PushKeyError, match="none for ES256"):
        ProviderTokens(file, KEY_ID, TEAM_ID)
