"""A server that hangs is not asked by everybody: each request would wait for its deadline, and hold its thread so long.

Eight threads that wait for two seconds each answer four requests a second, also those that need another server.
"""

from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Any, TypeVar, cast

from service.domain.errors import UnavailableError

Store = TypeVar("Store")

PAUSE_S = 0.5
"""For how long a server that hung is left alone."""


class Breaker:
    """Whether a server may be asked: not for PAUSE_S after it let somebody wait for `deadline` seconds in vain.

    Then one caller tries it for all. A failure that comes at once shuts nothing: it costs nobody any time. tolerance:
    how many have to wait in vain, with nobody answered meanwhile, before that counts.
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
        """Whether the caller may ask; who may is to report what came of it."""
        if self._shut_until is None:
            return True
        with self._lock:
            now = self._clock()
            if self._shut_until is None or now >= self._shut_until:
                # Whoever comes while this caller tries the server is refused.
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
    """A stand-in for `store` whose methods raise UnavailableError at once while the breaker refuses."""
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
