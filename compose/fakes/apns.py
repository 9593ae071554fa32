"""The rules of Apple's push service: which requests it accepts, and with which reason it refuses the others.

From "Sending notification requests to APNs", "Establishing a token-based connection to APNs" and "Handling
notification responses from APNs" in Apple's documentation.
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt

LARGEST_PAYLOAD = 4096
LARGEST_COLLAPSE_ID = 64
TOKEN_LIFETIME_S = 3600
TOKEN_UPDATE_S = 1200
"""A connection that shows a new token sooner than this is refused."""
MOST_GONE = 100_000
_MOST_TOKENS = 1000

_PATH = re.compile(r"/3/device/(.*)")
_DEVICE = re.compile(r"(?:[0-9a-fA-F]{2}){32,100}")
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_PUSH_TYPES = frozenset({
    "alert", "background", "location", "voip", "complication", "fileprovider", "mdm", "liveactivity", "pushtotalk",
    "widgets", "controls",
})  # fmt: skip
_PRIORITIES = frozenset({"1", "5", "10"})


@dataclass(frozen=True)
class Refusal:
    """The status and the reason of a refusal.

    timestamp: when the device was unregistered, milliseconds since 1970. retry_after: seconds, 0 for none.
    """

    status: int
    reason: str
    timestamp: int | None = None
    retry_after: int = 0

    @property
    def body(self) -> bytes:
        """The body of the response."""
        content: dict[str, Any] = {"reason": self.reason}
        return json.dumps(content if self.timestamp is None else content | {"timestamp": self.timestamp}).encode()


class Provider:
    """The state of one connection: its last token, and when the token was first shown."""

    token = ""
    since = float("-inf")


class Rules:
    """Judges requests; `keys`: public keys in PEM by key id. `clock` in seconds since 1970."""

    def __init__(
        self, topic: str, team_id: str, keys: Mapping[str, str], clock: Callable[[], float] = time.time
    ) -> None:
        self._topic = topic
        self._team_id = team_id
        self._keys = keys
        self._clock = clock
        # The issue time of each token with a valid signature: checking a signature is expensive.
        self._made_at: dict[str, int] = {}
        self._gone: dict[str, int] = {}

    def retire(self, device: str) -> None:
        """Unregister a device."""
        self._gone[device.lower()] = int(self._clock() * 1000)
        if len(self._gone) > MOST_GONE:
            del self._gone[next(iter(self._gone))]

    def judge(self, headers: Mapping[str, str], body: bytes, provider: Provider) -> Refusal | None:
        """The refusal of a request; None when it is accepted."""
        return (
            self._check_address(headers)
            or self._check_provider(headers.get("authorization", ""), provider)
            or self._check_topic(headers)
            or _check_options(headers)
            or _check_payload(body)
            or self._check_device(headers)
        )

    def _check_address(self, headers: Mapping[str, str]) -> Refusal | None:
        if headers.get(":method") != "POST":
            return Refusal(405, "MethodNotAllowed")
        path = _PATH.fullmatch(headers.get(":path", ""))
        if not path:
            return Refusal(404, "BadPath")
        return None if path[1] else Refusal(400, "MissingDeviceToken")

    def _check_provider(self, authorization: str, provider: Provider) -> Refusal | None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            return Refusal(403, "MissingProviderToken")
        made_at = self._made_at.get(token) or self._verify(token)
        if made_at is None:
            return Refusal(403, "InvalidProviderToken")
        now = self._clock()
        if not -TOKEN_LIFETIME_S <= made_at - now <= TOKEN_LIFETIME_S:
            return Refusal(403, "ExpiredProviderToken")
        if token != provider.token:
            if now - provider.since < TOKEN_UPDATE_S:
                return Refusal(429, "TooManyProviderTokenUpdates")
            provider.token, provider.since = token, now
        return None

    def _verify(self, token: str) -> int | None:
        """The issue time of the token; None when it is not valid for this team."""
        try:
            key = self._keys[jwt.get_unverified_header(token)["kid"]]
            claims = jwt.decode(
                token, key, algorithms=["ES256"], issuer=self._team_id,
                options={"require": ["iss", "iat"], "verify_iat": False},
            )  # fmt: skip
            made_at = int(claims["iat"])
        except (jwt.PyJWTError, KeyError, TypeError, ValueError):
            return None
        if len(self._made_at) >= _MOST_TOKENS:
            del self._made_at[next(iter(self._made_at))]
        self._made_at[token] = made_at
        return made_at

    def _check_topic(self, headers: Mapping[str, str]) -> Refusal | None:
        topic = headers.get("apns-topic")
        if not topic:
            return Refusal(400, "MissingTopic")
        return None if topic == self._topic else Refusal(400, "TopicDisallowed")

    def _check_device(self, headers: Mapping[str, str]) -> Refusal | None:
        device = device_of(headers)
        if not _DEVICE.fullmatch(device):
            return Refusal(400, "BadDeviceToken")
        gone = self._gone.get(device.lower()) if self._gone else None
        return None if gone is None else Refusal(410, "Unregistered", gone)


def device_of(headers: Mapping[str, str]) -> str:
    """The device token of a request whose path is right."""
    return headers[":path"].removeprefix("/3/device/")


def _check_options(headers: Mapping[str, str]) -> Refusal | None:
    if not _UUID.fullmatch(headers.get("apns-id", "00000000-0000-0000-0000-000000000000")):
        return Refusal(400, "BadMessageId")
    if not headers.get("apns-expiration", "0").isdigit():
        return Refusal(400, "BadExpirationDate")
    if headers.get("apns-priority", "10") not in _PRIORITIES:
        return Refusal(400, "BadPriority")
    if headers.get("apns-push-type") not in _PUSH_TYPES:
        return Refusal(400, "InvalidPushType")
    if len(headers.get("apns-collapse-id", "").encode()) > LARGEST_COLLAPSE_ID:
        return Refusal(400, "BadCollapseId")
    return None


def _check_payload(body: bytes) -> Refusal | None:
    if not body:
        return Refusal(400, "PayloadEmpty")
    return Refusal(413, "PayloadTooLarge") if len(body) > LARGEST_PAYLOAD else None
