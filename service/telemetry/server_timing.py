"""The standard Server-Timing header: how many milliseconds of a request each tier took.

The stores' timers add to a thread-local record of the current request, so that domain and routes do not know it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    # Workers import this module too, and do not need a web framework in memory.
    from flask import Flask

POOL = "pool"
TIERS = {"postgres": "db", "memcached": "cache", "redis": "redis", "queue": "queue", "objects": "store"}
"""The header's name of a store, by the store's name in metrics."""
NAMES = (POOL, *TIERS.values())

_STAMP_ERROR_S = 0.0005
"""nginx truncates its clock to milliseconds, so that its stamp is half a millisecond early on average."""
_LONGEST_WAIT_S = 3600.0
"""An older stamp, or one from the future, comes from a clock that cannot be compared with this one."""


class Spent(threading.local):
    """Seconds that each tier took of this thread's request; a nested tier's time is not counted twice."""

    def __init__(self) -> None:
        self.seconds = [0.0] * len(NAMES)
        self.deeper = 0.0

    def begin(self) -> None:
        """Reset for a new request."""
        self.seconds = [0.0] * len(NAMES)
        self.deeper = 0.0

    def enter(self) -> float:
        """Begin an operation; pass the result to `leave`."""
        outer, self.deeper = self.deeper, 0.0
        return outer

    def leave(self, tier: int | None, took: float, outer: float) -> None:
        """End an operation after `took` seconds; `tier` is its index in NAMES, None adds it to the enclosing tier."""
        if tier is None:
            took = self.deeper
        else:
            self.seconds[tier] += took - self.deeper
        self.deeper = outer + took


SPENT = Spent()


def note_pool_wait(seconds: float) -> None:
    """Record a wait for a database connection, within an operation on the database."""
    SPENT.seconds[0] += seconds
    SPENT.deeper += seconds


def placed(operation: Callable[..., Any], store: str) -> Callable[..., Any]:
    """The operation, wrapped so that each call's duration is added to the store's tier."""
    tier = NAMES.index(TIERS[store]) if store in TIERS else None

    def call(*args: Any, **kwargs: Any) -> Any:
        outer = SPENT.enter()
        started = perf_counter()
        try:
            return operation(*args, **kwargs)
        finally:
            SPENT.leave(tier, perf_counter() - started, outer)

    return call


def tell_timing(app: Flask) -> None:
    """Add the header to every response of `app`."""
    app.wsgi_app = ServerTiming(app.wsgi_app)  # type: ignore[method-assign]


class ServerTiming:
    """WSGI middleware that adds the header: `wait`, `app`, and each tier within `app` that was used.

    wait: from nginx's stamp (X-Request-Start) to the application, which is gunicorn's backlog; only with a stamp.
    A streamed body is sent after the headers and is not included.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Call the application, and add the header to its response."""
        wait = _wait(environ.get("HTTP_X_REQUEST_START"))
        SPENT.begin()
        started = perf_counter()

        def tell(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            text = _describe(wait, perf_counter() - started, SPENT.seconds)
            return start_response(status, [*headers, ("Server-Timing", text)], exc_info)

        return self._app(environ, tell)


def _describe(wait: float | None, app: float, seconds: list[float]) -> str:
    parts = [f"app;dur={app * 1e3:.3f}"] if wait is None else [f"wait;dur={wait * 1e3:.3f}, app;dur={app * 1e3:.3f}"]
    for name, spent in zip(NAMES, seconds, strict=True):
        if spent:
            parts.append(f"{name};dur={spent * 1e3:.3f}")
    return ", ".join(parts)


def _wait(stamp: str | None) -> float | None:
    """Seconds since a stamp like t=1700000000.123; None when it is missing or invalid."""
    if stamp is None or not stamp.startswith("t="):
        return None
    try:
        waited = time.time() - float(stamp[2:]) - _STAMP_ERROR_S
    except ValueError:
        return None
    return max(0.0, waited) if -_LONGEST_WAIT_S < waited < _LONGEST_WAIT_S else None
