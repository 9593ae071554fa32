"""Apple's push service, by its provider API: HTTP/2, a signed token in place of a certificate, many pushes at once.

Headers, reasons and their meaning: "Sending notification requests to APNs" and "Handling notification responses from
APNs" in Apple's documentation.
"""

import logging
import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from hpack import NeverIndexedHeaderTuple

from service.domain.errors import UnavailableError
from service.domain.pushes import Push, PushResult
from service.stores.http2 import Answer, Connection, ConnectionLostError, Header
from service.stores.provider_tokens import ProviderTokens

LARGEST_PAYLOAD = 4096
MOST_STREAMS = 64
"""Pushes under way at once; so many at most are sent twice when a worker is killed."""

PATIENCE_S = 10.0
"""After so many seconds without success the rest of a batch is given back, to be tried again later."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0

# The device is gone, whatever is sent to it.
_GONE = frozenset({"BadDeviceToken", "DeviceTokenNotForTopic", "ExpiredToken", "Unregistered"})
# What is wrong is neither the push nor the device but who we say that we are: an operator must see to it.
_OURS = frozenset({"BadTopic", "Forbidden", "InvalidProviderToken", "MissingProviderToken", "MissingTopic",
                   "TopicDisallowed"})  # fmt: skip

_log = logging.getLogger(__name__)


class Apns:
    """The push service at `url`, on one connection that is made when it is first needed and kept.

    ca: the authority to trust, None for those of the system. patience: seconds, as PATIENCE_S. To be used by one
    thread of one process; made before a fork, it connects after it.
    """

    def __init__(
        self,
        url: str,
        topic: str,
        tokens: ProviderTokens,
        ca: Path | None = None,
        patience: float = PATIENCE_S,
        most_streams: int = MOST_STREAMS,
    ) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname or "", address.port or 443
        self._authority = address.netloc
        self._topic = topic
        self._tokens = tokens
        self._patience = patience
        self._most_streams = most_streams
        self._context = ssl.create_default_context(cafile=ca)
        self._context.set_alpn_protocols(["h2"])
        self._connection: Connection | None = None

    def send(self, pushes: Sequence[Push], on_finished: Callable[[Sequence[PushResult]], None]) -> None:
        """Send all; `on_finished` gets results as they come.

        A push whose answer was lost with the connection is sent again, under the same id. UnavailableError when the
        service takes none for too long, says that it will not for longer, or does not accept who we are.
        """
        round_ = _Round(pushes, on_finished, time.monotonic() + self._patience)
        round_.settle()
        try:
            while round_.is_open:
                self._advance(round_)
        except BaseException:
            # Answers to what is still under way must not be taken for answers to the next pushes.
            self.close()
            raise

    def close(self) -> None:
        """Hang up."""
        if self._connection:
            self._connection.close()
            self._connection = None

    def _advance(self, round_: "_Round") -> None:
        """Send what may be sent now, take what comes, note what came of it."""
        try:
            connection = self._connect(round_.seconds_left())
            if not round_.under_way:
                # The other side may have left since the last round.
                self._take(connection, round_, 0)
            if connection.is_leaving and not round_.under_way:
                self.close()
                return
            self._hand_out(connection, round_)
            connection.flush(round_.seconds_left())
            self._take(connection, round_, round_.next_look())
        except ConnectionLostError as error:
            self.close()
            round_.lose_connection(str(error))

    def _connect(self, timeout: float) -> Connection:
        if self._connection is None:
            self._connection = Connection(self._host, self._port, self._context, timeout, self._most_streams)
        return self._connection

    def _hand_out(self, connection: Connection, round_: "_Round") -> None:
        while (push := round_.next_push()) and connection.has_room(len(push.payload)):
            token = self._tokens.current()
            round_.start(connection.send(self._headers(push, token), push.payload), token)

    def _take(self, connection: Connection, round_: "_Round", timeout: float) -> None:
        for stream, answer in connection.receive(timeout):
            push, token = round_.under_way.pop(stream)
            if answer is None:
                round_.repeat(push)
                round_.back_off("it resets requests", 0)
            elif _reason(answer) == "ExpiredProviderToken" and self._tokens.reject(token):
                round_.repeat(push)
            else:
                self._judge(push, answer, round_)
        round_.settle()

    def _judge(self, push: Push, answer: Answer, round_: "_Round") -> None:
        reason = _reason(answer)
        if answer.status == 200:
            round_.deliver(push)
        elif reason == "TooManyRequests":
            # Too many for this one device; the others need not wait for it.
            round_.postpone(push, f"429 {reason}", _retry_after(answer))
        elif answer.status in {429, 500, 502, 503, 504}:
            round_.back_off(f"{answer.status} {reason}", _retry_after(answer))
            round_.repeat(push)
        elif reason in _GONE or answer.status == 410:
            round_.results.append(PushResult(push, "gone", reason, _since(answer)))
        elif answer.status == 403 or reason in _OURS:
            round_.give_up(f"it does not accept us: {answer.status} {reason}")
        else:
            _log.warning("push refused: %s %s", answer.status, reason)
            round_.results.append(PushResult(push, "refused", reason))

    def _headers(self, push: Push, token: str) -> list[Header | NeverIndexedHeaderTuple]:
        # What every request has of its own is kept out of the compression's table: it would drive the token out of it.
        return [
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", self._authority),
            NeverIndexedHeaderTuple(":path", f"/3/device/{push.device.token}"),
            ("authorization", f"bearer {token}"),
            ("apns-topic", self._topic),
            ("apns-push-type", "alert"),
            ("apns-priority", "10"),
            NeverIndexedHeaderTuple("apns-id", push.id),
            NeverIndexedHeaderTuple("apns-expiration", str(push.expires_at)),
            NeverIndexedHeaderTuple("apns-collapse-id", push.collapse_id),
        ]


class _Round:
    """One call of Apns.send: what waits, what is under way, and how long there is patience."""

    def __init__(
        self, pushes: Sequence[Push], on_finished: Callable[[Sequence[PushResult]], None], deadline: float
    ) -> None:
        self.under_way: dict[int, tuple[Push, str]] = {}
        self.results = [PushResult(push, "refused", "PayloadTooLarge") for push in pushes if _is_too_large(push)]
        self._waiting = deque(push for push in pushes if not _is_too_large(push))
        self._postponed: list[Push] = []
        self._postponed_for = 0.0
        self._on_finished = on_finished
        self._deadline = deadline
        self._paused_until = 0.0
        self._pause = _FIRST_PAUSE_S
        self._trouble = "no answer in time"
        self._is_lost = False

    @property
    def is_open(self) -> bool:
        """Whether anything is left to do."""
        return bool(self._waiting or self.under_way or self.results or self._postponed)

    def seconds_left(self) -> float:
        """Until patience ends; UnavailableError when it has."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise UnavailableError("push", self._trouble)
        return left

    def next_look(self) -> float:
        """For how many seconds to wait for the other side."""
        left, pause = self.seconds_left(), self._paused_until - time.monotonic()
        if not self._waiting and not self.under_way:
            return 0
        return min(left, pause) if self._waiting and pause > 0 else left

    def next_push(self) -> Push | None:
        """What is to be sent now, if anything is."""
        return self._waiting[0] if self._waiting and time.monotonic() >= self._paused_until else None

    def start(self, stream: int, token: str) -> None:
        """The next push is under way."""
        self.under_way[stream] = (self._waiting.popleft(), token)

    def repeat(self, push: Push) -> None:
        """A push has to be sent again."""
        self._waiting.append(push)

    def deliver(self, push: Push) -> None:
        """A push has arrived: whatever the trouble was, it is less."""
        self.results.append(PushResult(push, "delivered"))
        self._pause = _FIRST_PAUSE_S

    def postpone(self, push: Push, trouble: str, seconds: float) -> None:
        """A push has to be sent again when all others are done, and not before so many seconds."""
        self._trouble = trouble
        self._postponed.append(push)
        self._postponed_for = max(self._postponed_for, seconds)

    def back_off(self, trouble: str, seconds: float) -> None:
        """Send nothing for so many seconds at least, and for longer each time."""
        self._trouble = trouble
        now = time.monotonic()
        if now >= self._paused_until:
            self._paused_until = now + self._pause
            self._pause = min(2 * self._pause, _LONGEST_PAUSE_S)
        self._paused_until = max(self._paused_until, now + seconds)
        if self._paused_until >= self._deadline:
            self.give_up(f"{trouble}, to be tried again later")

    def give_up(self, trouble: str) -> None:
        """No more is to be sent in this round."""
        self._trouble = trouble
        self._is_lost = True

    def lose_connection(self, trouble: str) -> None:
        """All that was under way has to be sent again."""
        self._waiting.extend(push for push, _ in self.under_way.values())
        self.under_way.clear()
        self.back_off(trouble, 0)
        self.settle()
        time.sleep(max(0.0, self._paused_until - time.monotonic()))

    def settle(self) -> None:
        """Hand over the results that there are; UnavailableError when this round was given up."""
        results, self.results = self.results, []
        if results:
            self._on_finished(results)
        if self._postponed and not self._waiting and not self.under_way:
            self._waiting.extend(self._postponed)
            self._postponed.clear()
            self.back_off(self._trouble, self._postponed_for)
            self._postponed_for = 0.0
        if self._is_lost:
            raise UnavailableError("push", self._trouble)


def _is_too_large(push: Push) -> bool:
    return len(push.payload) > LARGEST_PAYLOAD


def _reason(answer: Answer) -> str:
    """What the body gives as the reason, a name of at most 40 characters."""
    reason = _body(answer).get("reason")
    return reason[:40] if isinstance(reason, str) else ""


def _since(answer: Answer) -> datetime | None:
    milliseconds = _body(answer).get("timestamp")
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if isinstance(milliseconds, int | float) else None


def _body(answer: Answer) -> dict[str, object]:
    if answer.status == 200:
        return {}
    try:
        return msgspec.json.decode(answer.body, type=dict[str, object])
    except msgspec.DecodeError:
        return {}


def _retry_after(answer: Answer) -> float:
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0
