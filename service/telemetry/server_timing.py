"""What each tier took of a request, told to whoever asked in the standard Server-Timing header, in milliseconds.

The stores' own timers add to a slot of the thread that answers the request, so domain and routes know nothing of it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    # The workers measure with this module as well, and have no use for a web framework in their memory.
    from flask import Flask

POOL = "pool"
TIERS = {"postgres": "db", "memcached": "cache", "redis": "redis", "queue": "queue", "objects": "store"}
"""What the header calls a store, by the name under which it is measured."""
NAMES = (POOL, *TIERS.values())

_STAMP_ERROR_S = 0.0005
"""nginx cuts its clock to whole milliseconds, so its stamp is half of one too early on average."""
_LONGEST_WAIT_S = 3600.0
"""A stamp that is older, or from the future, comes from a clock that cannot be compared with this one."""


class Spent(threading.local):
    """Seconds that the tiers took of the request that this thread answers, what a deeper one took not counted twice."""

    def __init__(self) -> None:
        self.seconds = [0.0] * len(NAMES)
        self.deeper = 0.0

    def begin(self) -> None:
        """Forget an earlier request."""
        self.seconds = [0.0] * len(NAMES)
        self.deeper = 0.0

    def enter(self) -> float:
        """An operation begins; what this returns is to be given to `leave`."""
        outer, self.deeper = self.deeper, 0.0
        return outer

    def leave(self, tier: int | None, took: float, outer: float) -> None:
        """It ended after `took` seconds; `tier` is its place in NAMES, None leaves it to whatever it was part of."""
        if tier is None:
            took = self.deeper
        else:
            self.seconds[tier] += took - self.deeper
        self.deeper = outer + took


SPENT = Spent()


def note_pool_wait(seconds: float) -> None:
    """Somebody waited for a connection to the database, within an operation on it."""
    SPENT.seconds[0] += seconds
    SPENT.deeper += seconds


def placed(operation: Callable[..., Any], store: str) -> Callable[..., Any]:
    """The operation, of which each call is noted as what the store's tier took."""
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
    """Have every answer of `app` say what took how long."""
    app.wsgi_app = ServerTiming(app.wsgi_app)  # type: ignore[method-assign]


class ServerTiming:
    """WSGI middleware that adds the header: `wait`, `app`, and of what is in `app` each tier that was used.

    wait: from nginx's stamp (X-Request-Start) to the application, which is gunicorn's backlog; only where there is a
    stamp. What a streamed body takes comes after its headers, and is in none of them.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Pass the request on, and add the header to its answer."""
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
    """Seconds since a stamp like t=1700000000.123; None without one, or when it makes no sense."""
    if stamp is None or not stamp.startswith("t="):
        return None
    try:
        waited = time.time() - float(stamp[2:]) - _STAMP_ERROR_S
    except ValueError:
        return None
    return max(0.0, waited) if -_LONGEST_WAIT_S < waited < _LONGEST_WAIT_S else None
