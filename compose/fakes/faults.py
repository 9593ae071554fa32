"""Faults of the fakes."""

import math
import random
import threading
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fault of a share of a fake's requests, `times` times or until all faults are cleared.

    delay: seconds by which the response is late; the message is accepted. status: of a refusal, with a reason in its
    body, and Retry-After in seconds unless it is 0. disconnect: the message is accepted, and the connection ends before
    the response.
    """

    fake: Literal["push", "alpha", "beta"]
    share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    delay: Annotated[float, msgspec.Meta(ge=0, le=600)] = 0.0
    status: Annotated[int, msgspec.Meta(ge=400, le=599)] | None = None
    reason: Annotated[str, msgspec.Meta(pattern="^[A-Za-z]{0,40}$")] = ""
    retry_after: Annotated[int, msgspec.Meta(ge=0, le=3600)] = 0
    disconnect: bool = False
    times: Annotated[int, msgspec.Meta(gt=0)] | None = None


@dataclass(frozen=True)
class Effect:
    """The faults of one request."""

    delay: float = 0.0
    refusal: Fault | None = None
    disconnect: bool = False


_NOTHING = Effect()


class Faults:
    """The active faults; safe for threads."""

    def __init__(self, seed: int = 2011) -> None:
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        # The times that each fault is left.
        self._left: dict[Fault, float] = {}

    @property
    def current(self) -> tuple[Fault, ...]:
        """The faults in the order in which they were added."""
        return tuple(self._left)

    def add(self, fault: Fault) -> None:
        """Activate a fault."""
        with self._lock:
            self._left[fault] = math.inf if fault.times is None else fault.times

    def clear(self) -> None:
        """Remove every fault."""
        with self._lock:
            self._left.clear()

    def draw(self, fake: str) -> Effect:
        """The faults of the next request: delays add up, the first refusal counts."""
        if not self._left:
            return _NOTHING
        with self._lock:
            hits = [f for f in self._left if f.fake == fake and self._random.random() < f.share]
            for fault in hits:
                self._left[fault] -= 1
                if self._left[fault] <= 0:
                    del self._left[fault]
        return Effect(
            sum(fault.delay for fault in hits),
            next((fault for fault in hits if fault.status is not None), None),
            any(fault.disconnect for fault in hits),
        )
