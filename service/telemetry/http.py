"""The timer around every HTTP request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

from flask import Flask

from service import catalog
from service.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED = "unmatched"


def time_requests(app: Flask, metrics: Metrics) -> None:
    """Observe every request of `app`, by the rule of its URL; none where no metrics are kept."""
    if metrics.is_kept:
        app.wsgi_app = HttpTimer(app.wsgi_app, metrics)  # type: ignore[method-assign]


class HttpTimer:
    """WSGI middleware that times a request until its answer is ready: one in a piece when it is made, which whoever
    gets it finds counted; any other when it has been handed over, or given up.

    Labels are bounded: methods to METHODS or "other", routes to the app's rules or UNMATCHED.
    """

    def __init__(self, app: WSGIApplication, metrics: Metrics) -> None:
        self._app = app
        self._in_flight: set[object] = set()
        metrics.watch(catalog.HTTP_IN_FLIGHT, self._in_flight.__len__)
        self._metrics = metrics
        self._recorders: dict[tuple[str, str, str], tuple[Callable[[], None], Callable[[float], None]]] = {}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Pass the request on and watch it end."""
        # In few functions: by the time of the next request none is in the processor's caches any more.
        status, route = "500", UNMATCHED

        def note(
            line: str, headers: list[tuple[str, str]], exc_info: Any = None
        ) -> Callable[[bytes], object]:  # fmt: skip
            nonlocal status, route
            status = line[:3]
            # Flask keeps it there while it answers. A function before each request would tell the same for more.
            request = environ.get("werkzeug.request")
            if request is not None and request.url_rule is not None:
                route = request.url_rule.rule
            return start_response(line, headers, exc_info)

        body: Iterable[bytes] = ()
        started = perf_counter()
        self._in_flight.add(note)
        try:
            body = self._app(environ, note)
        finally:
            method = environ["REQUEST_METHOD"]
            # Bound once for each combination, since looking children up is the dear part.
            count, observe = self._recorders.get((method, route, status)) or self._bind(method, route, status)
            is_whole = isinstance(body, (list, tuple))
            if is_whole:
                self._in_flight.discard(note)
                count()
                observe(perf_counter() - started)
        if is_whole:
            return body
        return _Streamed(body, partial(self._finish, note, count, observe, started))

    def _finish(
        self, token: object, count: Callable[[], None], observe: Callable[[float], None], started: float
    ) -> None:  # fmt: skip
        self._in_flight.discard(token)
        count()
        observe(perf_counter() - started)

    def _bind(self, method: str, route: str, status: str) -> tuple[Callable[[], None], Callable[[float], None]]:
        known = method if method in METHODS else "other"
        recorders = (
            self._metrics.counter(catalog.HTTP_REQUESTS, known, route, status).inc,
            self._metrics.histogram(catalog.HTTP_DURATION, known, route).observe,
        )
        if known == method:
            self._recorders[method, route, status] = recorders
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
