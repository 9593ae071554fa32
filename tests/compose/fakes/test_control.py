"""The networks, and what tells the fakes to fail."""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import urllib3

from compose.fakes import received
from compose.fakes.__main__ import main
from compose.fakes.faults import Fault, Faults
from compose.fakes.received import Metrics, Received
from tests.fakes import NONE_RECEIVED, Fakes, fakes

PICTURE = {"url": "http://cdn.example/photos/1.jpg", "caption": "Sky"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fakes]:
    with fakes(tmp_path_factory.mktemp("fakes")) as running:
        yield running


@pytest.fixture
def outside(running: Fakes) -> Fakes:
    running.forget()
    return running


def post(outside: Fakes, network: str = "alpha", key: str = "k", content: object = PICTURE) -> int:
    return outside.ask("POST", f"/{network}/posts", content, {"Idempotency-Key": key}).status


def test_a_picture_is_taken_once_for_each_key(outside: Fakes) -> None:
    assert [post(outside), post(outside), post(outside, key="l"), post(outside, "beta")] == [201, 200, 201, 201]
    assert outside.counts("alpha") == {**NONE_RECEIVED, "received": 3, "accepted": 3, "duplicates": 1}
    assert outside.counts("beta") == {**NONE_RECEIVED, "received": 1, "accepted": 1}
    assert outside.messages("beta") == [{"key": "k", **PICTURE}]


def test_what_is_no_picture_is_refused_and_counted(outside: Fakes) -> None:
    assert outside.ask("POST", "/alpha/posts", PICTURE).status == 400
    assert post(outside, key="k" * 201) == 400
    contents: tuple[object, ...] = (b"", b"{", [], {}, {"url": "ftp://x"}, {"url": 7}, PICTURE | {"more": 1})
    for content in contents:
        assert post(outside, content=content) == 422
    assert outside.counts("alpha")["rejected"] == {"NoIdempotencyKey": 2, "NoPicture": 7}


def test_a_body_that_is_too_large_is_not_read(outside: Fakes) -> None:
    assert post(outside, content=b" " * 70_000) == 413
    assert outside.counts("alpha") == NONE_RECEIVED


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("GET", "/gamma/posts"), ("GET", "/alpha/posts"), ("POST", "/received")]
)
def test_other_addresses_do_not_exist(outside: Fakes, method: str, path: str) -> None:
    assert outside.ask(method, path).status in (404, 405)


def test_a_network_fails_as_it_is_told(outside: Fakes) -> None:
    outside.tell("alpha", status=503, retry_after=7, times=1)
    answer = outside.ask("POST", "/alpha/posts", PICTURE, {"Idempotency-Key": "k"})
    assert (answer.status, answer.headers["Retry-After"]) == (503, "7")
    assert post(outside, "beta") == 201
    assert post(outside) == 201
    assert outside.counts("alpha") == {**NONE_RECEIVED, "received": 2, "accepted": 1, "rejected": {"Injected": 1}}


def test_a_network_is_as_slow_as_it_is_told_and_takes_the_picture_first(outside: Fakes) -> None:
    outside.tell("alpha", delay=0.3)
    began = time.monotonic()
    assert post(outside) == 201
    assert 0.3 <= time.monotonic() - began < 3
    outside.forgive()
    assert post(outside) == 200


def test_a_connection_can_be_cut_after_the_picture_was_taken(outside: Fakes) -> None:
    outside.tell("alpha", disconnect=True, times=1)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        post(outside)
    assert post(outside) == 200


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"fake": "gamma"},
        {"fake": "push", "share": 0},
        {"fake": "push", "share": 1.1},
        {"fake": "push", "delay": -1},
        {"fake": "push", "status": 200},
        {"fake": "push", "times": 0},
        {"fake": "push", "reason": "two words"},
        {"fake": "push", "kind": "unknown"},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(outside: Fakes, fault: dict[str, object]) -> None:
    answer = outside.ask("POST", "/faults", fault)
    assert answer.status == 400
    assert answer.json()["error"]
    assert outside.ask("GET", "/faults").json() == []


def test_faults_are_listed_until_they_are_cleared(outside: Fakes) -> None:
    outside.tell("push", status=503, share=0.5)
    [fault] = outside.ask("GET", "/faults").json()
    assert (fault["fake"], fault["status"], fault["share"]) == ("push", 503, 0.5)
    outside.forgive()
    assert outside.ask("GET", "/faults").json() == []


def test_metrics_tell_what_came_in(outside: Fakes) -> None:
    before = metrics(outside)
    post(outside, key="m")
    post(outside, key="m")
    post(outside, content={})
    after = metrics(outside)
    grown = {name: value - before.get(name, 0) for name, value in after.items()}
    assert grown['fake_received_total{fake="alpha"}'] == 3
    assert grown['fake_duplicates_total{fake="alpha"}'] == 1
    assert grown['fake_rejected_total{fake="alpha",reason="NoPicture"}'] == 1
    assert grown['fake_work_seconds_count{fake="alpha"}'] == 3
    assert grown['fake_received_total{fake="push"}'] == 0


def metrics(outside: Fakes) -> dict[str, float]:
    lines = outside.ask("GET", "/metrics").data.decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}


def hangs_up(outside: Fakes, protocols: list[str], request: bytes) -> bool:
    """Whether the push service ends the connection over this request."""
    context = ssl.create_default_context(cafile=outside.folder / "authority.pem")
    if protocols:
        context.set_alpn_protocols(protocols)
    address = urlsplit(outside.push_url)
    with socket.create_connection((address.hostname, address.port), 5) as plain:
        try:
            with context.wrap_socket(plain, server_hostname="localhost") as connection:
                connection.sendall(request)
                while connection.recv(1000):
                    pass
        except TimeoutError:
            return False
        except OSError:
            return True
    return True


def test_only_http_2_is_spoken_to_the_push_service(outside: Fakes) -> None:
    assert hangs_up(outside, [], b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")


def test_nonsense_ends_a_connection_and_nothing_else(outside: Fakes) -> None:
    assert hangs_up(outside, ["h2"], b"nonsense " * 100)
    assert outside.counts() == NONE_RECEIVED


def test_shares_of_faults_hold_roughly() -> None:
    faults = Faults(seed=1)
    faults.add(Fault("push", share=0.25, status=503))
    faults.add(Fault("alpha", status=500))
    refused = sum(faults.draw("push").refusal is not None for _ in range(2000))
    assert 400 < refused < 600
    assert faults.draw("beta").refusal is None


def test_delays_add_up_and_the_first_refusal_counts() -> None:
    faults = Faults()
    faults.add(Fault("push", delay=1))
    faults.add(Fault("push", delay=2, status=500))
    faults.add(Fault("push", status=503, times=1))
    effect = faults.draw("push")
    assert (effect.delay, effect.refusal, effect.disconnect) == (3, Fault("push", delay=2, status=500), False)
    assert len(faults.current) == 2


def test_memory_is_bounded_and_the_newest_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(received, "MOST_KEYS", 3)
    books = Received("push", Metrics())
    assert [books.accept(key, {"key": key}, 0.0) for key in "abcdbcd"] == [True] * 4 + [False] * 3
    # It came so long ago that nobody remembers it.
    assert books.accept("a", {}, 0.0)
    assert books.counts()["duplicates"] == 3


def test_wrong_usage_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main([]) == 2
    assert capsys.readouterr().err == "usage: python -m compose.fakes CONFIGURATION.json\n"
    file = tmp_path / "fakes.json"
    file.write_text("{}")
    assert main([str(file)]) == 1
    assert capsys.readouterr().err == f"fakes: {file}: Object missing required field `port`\n"


def test_a_port_that_is_taken_is_named(outside: Fakes, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        text = (outside.folder / "fakes.json").read_text()
        taken = urlsplit(outside.push_url).port
        file = tmp_path / "fakes.json"
        file.write_text(text.replace(str(taken), str(port)))
        assert main([str(file)]) == 1
    assert str(port) in capsys.readouterr().err
