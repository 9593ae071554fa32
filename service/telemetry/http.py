"""The timer around every HTTP request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from service import catalog
from service.framework import ANSWERED, Answered, Service
from service.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED = "unmatched"


def time_requests(app: Service, metrics: Metrics) -> None:
    """Observe every request of `app`, by the rule of its URL; none where no metrics are kept."""
    if metrics.is_kept:
        app.notes_answers = True
        app.wsgi_app = HttpTimer(app.wsgi_app, metrics)  # type: ignore[method-assign]


class HttpTimer:
    """WSGI middleware that times a request until its answer is ready: one in a piece when it is made, which whoever
    gets it finds counted; any other when it has been handed over, or given up.

    Labels are bounded: methods to METHODS or "other", routes to the app's rules or UNMATCHED.
    """

    def __init__(self, app: WSGIApplication, metrics: Metrics) -> None:
        self._app = app
        self._in_flight: set[int] = set()
        metrics.watch(catalog.HTTP_IN_FLIGHT, self._in_flight.__len__)
        self._metrics = metrics
        self._recorders: dict[Answered, tuple[Callable[[], None], Callable[[float], None]]] = {}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Pass the request on and watch it end."""
        # In one function: by the time of the next request no code is in the processor's caches any more.
        token = id(environ)
        body: Iterable[bytes] = ()
        started = perf_counter()
        self._in_flight.add(token)
        try:
            body = self._app(environ, start_response)
        finally:
            # Bound once for each combination, since looking children up is the dear part.
            key = environ.get(ANSWERED) or (environ["REQUEST_METHOD"], None, 500)
            count, observe = self._recorders.get(key) or self._bind(*key)
            is_whole = isinstance(body, (list, tuple))
            if is_whole:
                self._in_flight.discard(token)
                count()
                observe(perf_counter() - started)
        if is_whole:
            return body
        return _Streamed(body, partial(self._finish, environ, count, observe, started))

    def _finish(
        self, environ: WSGIEnvironment, count: Callable[[], None], observe: Callable[[float], None], started: float
    ) -> None:
        # While a body is being sent its environment is kept, or another one could get its id.
        self._in_flight.discard(id(environ))
        count()
        observe(perf_counter() - started)

    def _bind(
        self, method: str, rule: str | None, status: int
    ) -> tuple[Callable[[], None], Callable[[float], None]]:  # fmt: skip
        known = method if method in METHODS else "other"
        route = rule or UNMATCHED
        recorders = (
            self._metrics.counter(catalog.HTTP_REQUESTS, known, route, str(status)).inc,
            self._metrics.histogram(catalog.HTTP_DURATION, known, route).observe,
        )
        if known == method:
            self._recorders[method, rule, status] = recorders
        return recorders


class _Streamed:
    """The body that the application gave; says when it is closed."""

    __slots__ = ("_body", "_finish")

    def __init__(self, body: Iterable[bytes], finish: Callable[[], None]) -> None:
        self._body = body
        self._finish = finish

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        """Close the body, and say so whatever comes of it."""
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            self._finish()
