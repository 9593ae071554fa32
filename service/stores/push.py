"""Apple's push service, by its provider API: HTTP/2, a signed token in place of a certificate, many pushes at once.

Headers, reasons and their meaning: "Sending notification requests to APNs" and "Handling notification responses from
APNs" in Apple's documentation.
"""

import logging
import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec

from service.domain.errors import UnavailableError
from service.domain.pushes import Push, PushResult
from service.stores.http2 import Answer, Channel
from service.stores.provider_tokens import ProviderTokens

LARGEST_PAYLOAD = 4096
MOST_STREAMS = 64
"""Pushes under way at once; so many at most are sent twice when a worker is killed."""

PATIENCE_S = 10.0
"""After so many seconds without success the rest of a batch is given back, to be tried again later."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0

# The device is gone, whatever is sent to it.
_GONE = frozenset({"BadDeviceToken", "DeviceTokenNotForTopic", "ExpiredToken", "Unregistered"})
# The service does not accept the provider: an operator must correct the configuration.
_OURS = frozenset({"BadTopic", "Forbidden", "InvalidProviderToken", "MissingProviderToken", "MissingTopic",
                   "TopicDisallowed"})  # fmt: skip

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Attempt:
    """A push in flight, and the token that it shows."""

    push: Push
    token: str


class Apns:
    """The push service at `url`, over one connection that is made at the first push and kept.

    ca: file with the authority to trust, None for the system's. patience: seconds, as PATIENCE_S. For one thread of one
    process; made before a fork, it connects after it.
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
        # To fail early on a file that cannot be read.
        ssl.create_default_context(cafile=ca)
        self._open = partial(Channel[_Attempt], url, ca, most_streams)
        self._kept: Channel[_Attempt] | None = None
        self._topic = topic
        self._tokens = tokens
        self._patience = patience

    def send(self, pushes: Sequence[Push], on_finished: Callable[[Sequence[PushResult]], None]) -> None:
        """Send all pushes; `on_finished` gets results as they come.

        A push whose answer was lost with the connection is sent again under the same id. UnavailableError when the
        service accepts no push for too long, says that it will not for longer, or does not accept the provider.
        """
        round_ = _Round(pushes, on_finished, time.monotonic() + self._patience)
        channel = self._channel
        round_.settle(channel.in_flight)
        try:
            while round_.is_open or channel.in_flight:
                self._hand_out(channel, round_)
                for attempt, answer in channel.receive(round_.next_look(channel.in_flight)):
                    self._take(attempt, answer, round_)
                round_.settle(channel.in_flight)
        except BaseException:
            # Late answers must not be taken for answers to the next round's pushes.
            self.close()
            raise

    def close(self) -> None:
        """Close the connection; the next push opens another."""
        if self._kept:
            self._kept.close()
            self._kept = None

    @property
    def _channel(self) -> Channel[_Attempt]:
        if self._kept is None:
            self._kept = self._open()
        return self._kept

    def _hand_out(self, channel: Channel[_Attempt], round_: "_Round") -> None:
        while channel.has_room and (push := round_.next_push()):
            token = self._tokens.current()
            path, headers = f"/3/device/{push.device.token}", self._headers(push, token)
            channel.send(_Attempt(push, token), path, headers, push.payload, round_.seconds_left())

    def _take(self, attempt: _Attempt, answer: Answer | str, round_: "_Round") -> None:
        if isinstance(answer, str):
            round_.repeat(attempt.push)
            round_.back_off(f"no answer in time: {answer}" if round_.is_late else answer, 0)
        elif _reason(answer) == "ExpiredProviderToken" and self._tokens.reject(attempt.token):
            round_.repeat(attempt.push)
        else:
            self._judge(attempt.push, answer, round_)

    def _judge(self, push: Push, answer: Answer, round_: "_Round") -> None:
        reason = _reason(answer)
        if answer.status == 200:
            round_.deliver(push)
        elif reason == "TooManyRequests":
            # Too many for this one device; the others need not wait for it.
            round_.postpone(push, f"429 {reason}", answer.retry_after)
        elif answer.status in {429, 500, 502, 503, 504}:
            round_.back_off(f"{answer.status} {reason}", answer.retry_after)
            round_.repeat(push)
        elif reason in _GONE or answer.status == 410:
            round_.results.append(PushResult(push, "gone", reason, _since(answer)))
        elif answer.status == 403 or reason in _OURS:
            round_.give_up(f"it does not accept us: {answer.status} {reason}")
        else:
            _log.warning("push refused: %s %s", answer.status, reason)
            round_.results.append(PushResult(push, "refused", reason))

    def _headers(self, push: Push, token: str) -> list[str]:
        return [
            f"authorization: bearer {token}",
            f"apns-topic: {self._topic}",
            "apns-push-type: alert",
            "apns-priority: 10",
            f"apns-id: {push.id}",
            f"apns-expiration: {push.expires_at}",
            f"apns-collapse-id: {push.collapse_id}",
        ]


class _Round:
    """One call of Apns.send: what waits, what has finished, and how long there is patience."""

    def __init__(
        self, pushes: Sequence[Push], on_finished: Callable[[Sequence[PushResult]], None], deadline: float
    ) -> None:
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
        """Whether pushes wait to be sent, or results to be reported."""
        return bool(self._waiting or self.results or self._postponed)

    @property
    def is_late(self) -> bool:
        """Whether patience has ended."""
        return time.monotonic() >= self._deadline

    def seconds_left(self) -> float:
        """Until patience ends; UnavailableError when it has ended."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise UnavailableError("push", self._trouble)
        return left

    def next_look(self, in_flight: int) -> float:
        """For how many seconds to wait for answers."""
        left, pause = self.seconds_left(), self._paused_until - time.monotonic()
        if self._is_lost or not self._waiting:
            return left if in_flight else 0
        return min(left, max(0.0, pause)) if pause > 0 or not in_flight else left

    def next_push(self) -> Push | None:
        """Takes the push that is to be sent now, if there is one."""
        if self._is_lost or not self._waiting or time.monotonic() < self._paused_until:
            return None
        return self._waiting.popleft()

    def repeat(self, push: Push) -> None:
        """Send a push again."""
        self._waiting.append(push)

    def deliver(self, push: Push) -> None:
        """Note a delivered push; the next trouble begins with the shortest pause."""
        self.results.append(PushResult(push, "delivered"))
        self._pause = _FIRST_PAUSE_S

    def postpone(self, push: Push, trouble: str, seconds: float) -> None:
        """Send a push again after all others, and not before so many seconds."""
        self._trouble = trouble
        self._postponed.append(push)
        self._postponed_for = max(self._postponed_for, seconds)

    def back_off(self, trouble: str, seconds: float) -> None:
        """Send nothing for at least so many seconds, and for longer each time."""
        self._trouble = trouble
        now = time.monotonic()
        if now >= self._paused_until:
            self._paused_until = now + self._pause
            self._pause = min(2 * self._pause, _LONGEST_PAUSE_S)
        self._paused_until = max(self._paused_until, now + seconds)
        if self._paused_until >= self._deadline:
            self.give_up(trouble if self.is_late else f"{trouble}, to be tried again later")

    def give_up(self, trouble: str) -> None:
        """Send no more in this round."""
        self._trouble = trouble
        self._is_lost = True

    def settle(self, in_flight: int) -> None:
        """Report the results; UnavailableError when the round is given up and all answers have come."""
        results, self.results = self.results, []
        if results:
            self._on_finished(results)
        if self._postponed and not self._waiting and not in_flight:
            self._waiting.extend(self._postponed)
            self._postponed.clear()
            self.back_off(self._trouble, self._postponed_for)
            self._postponed_for = 0.0
        if self._is_lost and not in_flight:
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
