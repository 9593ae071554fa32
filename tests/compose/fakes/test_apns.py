"""The rules of Apple's push service, one by one."""

from collections.abc import Callable
from typing import Any

import jwt
import pytest

from compose.fakes import certificates
from compose.fakes.apns import Provider, Refusal, Rules

TOPIC, TEAM, KEY_ID = "org.example.tests", "TEAM000000", "KEY0000000"
NOW = 1_800_000_000.0
DEVICE = "ab" * 32
MADE = certificates.make("127.0.0.1")
STRANGER = certificates.make("127.0.0.1")


def sign(key: str = MADE.provider_key, kid: str | None = KEY_ID, **claims: Any) -> str:
    headers = {"kid": kid} if kid else {}
    content = {"iss": TEAM, "iat": int(NOW)} | claims
    content = {name: value for name, value in content.items() if value is not None}
    return "bearer " + jwt.encode(content, key, algorithm="ES256", headers=headers)


def request(**changes: str | None) -> dict[str, str]:
    """A request that is taken, but for the changes; None leaves a header out. Underscores stand for hyphens."""
    headers: dict[str, str | None] = {
        ":method": "POST",
        ":path": f"/3/device/{DEVICE}",
        "authorization": GOOD,
        "apns-topic": TOPIC,
        "apns-push-type": "alert",
        "apns-id": "123e4567-e89b-12d3-a456-426655440000",
        "apns-expiration": "1800000000",
        "apns-priority": "10",
        "apns-collapse-id": "like-7",
    }
    names = {"method": ":method", "path": ":path"}
    headers |= {names.get(name, name.replace("_", "-")): value for name, value in changes.items()}
    return {name: value for name, value in headers.items() if value is not None}


GOOD = sign()


@pytest.fixture
def clock() -> list[float]:
    return [NOW]


@pytest.fixture
def rules(clock: list[float]) -> Rules:
    return Rules(TOPIC, TEAM, {KEY_ID: MADE.provider_public_key}, lambda: clock[0])


Judge = Callable[..., Refusal | None]


@pytest.fixture
def judge(rules: Rules) -> Judge:
    """What is said to a request over a connection of its own."""

    def judge(headers: dict[str, str], body: bytes = b"{}") -> Refusal | None:
        return rules.judge(headers, body, Provider())

    return judge


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"apns_id": None, "apns_expiration": None, "apns_priority": None, "apns_collapse_id": None},
        {"apns_priority": "5", "apns_push_type": "background", "apns_expiration": "0"},
        {"path": "/3/device/" + "AB" * 32},
        {"path": "/3/device/" + "ab" * 100},
        {"apns_collapse_id": "x" * 64},
        {"authorization": "Bearer " + GOOD.split()[1]},
    ],
)
def test_what_apple_takes_is_taken(judge: Judge, changes: dict[str, str | None]) -> None:
    assert judge(request(**changes)) is None


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"method": "GET"}, 405, "MethodNotAllowed"),
        ({"path": "/"}, 404, "BadPath"),
        ({"path": f"/2/device/{DEVICE}"}, 404, "BadPath"),
        ({"path": "/3/device/"}, 400, "MissingDeviceToken"),
        ({"path": "/3/device/" + "ab" * 31}, 400, "BadDeviceToken"),
        ({"path": "/3/device/" + "xy" * 32}, 400, "BadDeviceToken"),
        ({"path": f"/3/device/{DEVICE}?x=1"}, 400, "BadDeviceToken"),
        ({"authorization": None}, 403, "MissingProviderToken"),
        ({"authorization": "basic abc"}, 403, "MissingProviderToken"),
        ({"authorization": "bearer "}, 403, "MissingProviderToken"),
        ({"authorization": "bearer abc"}, 403, "InvalidProviderToken"),
        ({"authorization": sign(key=STRANGER.provider_key)}, 403, "InvalidProviderToken"),
        ({"authorization": sign(kid="KEY0000001")}, 403, "InvalidProviderToken"),
        ({"authorization": sign(kid=None)}, 403, "InvalidProviderToken"),
        ({"authorization": sign(iss="TEAM000001")}, 403, "InvalidProviderToken"),
        ({"authorization": sign(iss=None)}, 403, "InvalidProviderToken"),
        ({"authorization": sign(iat=None)}, 403, "InvalidProviderToken"),
        ({"authorization": sign(iat="soon")}, 403, "InvalidProviderToken"),
        ({"authorization": sign(iat=int(NOW) - 3601)}, 403, "ExpiredProviderToken"),
        ({"authorization": sign(iat=int(NOW) + 3601)}, 403, "ExpiredProviderToken"),
        ({"apns_topic": None}, 400, "MissingTopic"),
        ({"apns_topic": "org.example.other"}, 400, "TopicDisallowed"),
        ({"apns_push_type": None}, 400, "InvalidPushType"),
        ({"apns_push_type": "loud"}, 400, "InvalidPushType"),
        ({"apns_id": "7"}, 400, "BadMessageId"),
        ({"apns_expiration": "soon"}, 400, "BadExpirationDate"),
        ({"apns_priority": "11"}, 400, "BadPriority"),
        ({"apns_collapse_id": "x" * 65}, 400, "BadCollapseId"),
    ],
)
def test_what_apple_refuses_is_refused(judge: Judge, changes: dict[str, str | None], status: int, reason: str) -> None:
    assert judge(request(**changes)) == Refusal(status, reason)


def test_a_token_signed_in_another_way_is_invalid(judge: Judge) -> None:
    unsigned = jwt.encode({"iss": TEAM, "iat": int(NOW)}, "", algorithm="none", headers={"kid": KEY_ID})
    assert judge(request(authorization=f"bearer {unsigned}")) == Refusal(403, "InvalidProviderToken")


def test_a_payload_has_from_one_byte_to_4096(judge: Judge) -> None:
    assert judge(request(), b"") == Refusal(400, "PayloadEmpty")
    assert judge(request(), b"x" * 4096) is None
    assert judge(request(), b"x" * 4097) == Refusal(413, "PayloadTooLarge")


def test_a_connection_may_renew_its_token_every_20_minutes(rules: Rules, clock: list[float]) -> None:
    connection = Provider()
    for offset, refusal in [(0, None), (600, "TooManyProviderTokenUpdates"), (1300, None)]:
        clock[0] = NOW + offset
        judged = rules.judge(request(authorization=sign(iat=int(clock[0]))), b"{}", connection)
        assert (judged.reason if judged else None) == refusal
    # The one before still holds, but to show it again is an update too.
    assert rules.judge(request(), b"{}", connection) == Refusal(429, "TooManyProviderTokenUpdates")
    assert rules.judge(request(), b"{}", Provider()) is None


def test_a_token_that_was_good_expires(rules: Rules, clock: list[float]) -> None:
    connection = Provider()
    assert rules.judge(request(), b"{}", connection) is None
    clock[0] += 3600
    assert rules.judge(request(), b"{}", connection) is None
    clock[0] += 1
    assert rules.judge(request(), b"{}", connection) == Refusal(403, "ExpiredProviderToken")


def test_a_device_that_is_gone_is_unregistered_since_then(rules: Rules, judge: Judge, clock: list[float]) -> None:
    clock[0] += 60
    rules.retire(DEVICE.upper())
    refusal = judge(request())
    assert refusal == Refusal(410, "Unregistered", int((NOW + 60) * 1000))
    assert refusal.body == b'{"reason": "Unregistered", "timestamp": 1800000060000}'
    assert judge(request(path="/3/device/" + "cd" * 32)) is None
