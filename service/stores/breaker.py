"""A circuit breaker: after a time-out, callers fail at once instead of each holding a thread until the deadline.

Eight threads that wait two seconds each serve only four requests a second, including those for healthy servers.
"""

from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Any, TypeVar, cast

from service.domain.errors import UnavailableError

Store = TypeVar("Store")

PAUSE_S = 0.5
"""How long the breaker stays open after a time-out."""


class Breaker:
    """Refuses calls for PAUSE_S after a call has waited for `deadline` seconds in vain; then lets one call through.

    An immediate failure does not open the breaker, because it holds no thread. tolerance: how many calls in a row must
    wait in vain before the breaker opens.
    """

    def __init__(self, deadline: float, clock: Callable[[], float] = monotonic, tolerance: int = 1) -> None:
        # A deadline may have begun before the call did.
        self._slow = deadline * 0.9
        self._clock = clock
        self._tolerance = tolerance
        self._in_vain = 0
        self._lock = Lock()
        self._shut_until: float | None = None

    def admits(self) -> bool:
        """Whether the caller may call; a caller that may must report the outcome."""
        if self._shut_until is None:
            return True
        with self._lock:
            now = self._clock()
            if self._shut_until is None or now >= self._shut_until:
                # Other callers are refused while this one tries the server.
                self._shut_until = now + self._slow + PAUSE_S
                return True
            return False

    def note_failure(self, seconds: float) -> None:
        """The server failed after so many seconds."""
        if seconds < self._slow:
            self.note_success()
            return
        self._in_vain += 1
        if self._in_vain >= self._tolerance:
            self._shut_until = self._clock() + PAUSE_S

    def note_success(self) -> None:
        """The server answered."""
        self._in_vain = 0
        self._shut_until = None


def guarded(store: Store, name: str, breaker: Breaker) -> Store:
    """A proxy for `store` whose methods raise UnavailableError at once while the breaker is open."""
    return cast(Store, _Guarded(store, name, breaker))


class _Guarded:
    """Wraps each method when it is first asked for and keeps the wrapper."""

    def __init__(self, store: object, name: str, breaker: Breaker) -> None:
        self._store = store
        self._name = name
        self._breaker = breaker

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        method, name, breaker = getattr(self._store, operation), self._name, self._breaker

        def call(*args: Any, **kwargs: Any) -> Any:
            if not breaker.admits():
                raise UnavailableError(name, "it did not answer lately")
            started = monotonic()
            try:
                result = method(*args, **kwargs)
            except UnavailableError:
                breaker.note_failure(monotonic() - started)
                raise
            except Exception:
                breaker.note_success()
                raise
            breaker.note_success()
            return result

        setattr(self, operation, call)
        return call
