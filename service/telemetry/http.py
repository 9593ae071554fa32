"""The timer around every HTTP request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
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
    """WSGI middleware that times a request until its body has been handed over, or given up.

    Labels are bounded: methods to METHODS or "other", routes to the app's rules or UNMATCHED.
    """

    def __init__(self, app: WSGIApplication, metrics: Metrics) -> None:
        self._app = app
        self._in_flight: set[_Request] = set()
        metrics.watch(catalog.HTTP_IN_FLIGHT, self._in_flight.__len__)
        self._metrics = metrics
        self._recorders: dict[tuple[str, str, str], tuple[Callable[[], None], Callable[[float], None]]] = {}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Pass the request on and watch it end."""
        request = _Request(self, environ, start_response)
        self._in_flight.add(request)
        try:
            request.body = self._app(environ, request.note_status)
        except BaseException:
            request.finish()
            raise
        return request

    def finish(self, request: _Request, method: str, route: str, status: str, seconds: float) -> None:
        """Count a request that has ended."""
        self._in_flight.discard(request)
        # Bound once for each combination, since looking children up is the dear part.
        recorders = self._recorders.get((method, route, status)) or self._bind(method, route, status)
        count, observe = recorders
        count()
        observe(seconds)

    def _bind(self, method: str, route: str, status: str) -> tuple[Callable[[], None], Callable[[float], None]]:
        known = method if method in METHODS else "other"
        recorders = (
            self._metrics.counter(catalog.HTTP_REQUESTS, known, route, status).inc,
            self._metrics.histogram(catalog.HTTP_DURATION, known, route).observe,
        )
        if known == method:
            self._recorders[method, route, status] = recorders
        return recorders


class _Request:
    """One request: as a body it passes on what the application gave, and tells the timer when it is closed."""

    __slots__ = ("_environ", "_start_response", "_started", "_timer", "body", "route", "status")

    def __init__(self, timer: HttpTimer, environ: WSGIEnvironment, start_response: StartResponse) -> None:
        self._started = perf_counter()
        self._timer = timer
        self._environ = environ
        self._start_response = start_response
        self.status, self.route = "500", UNMATCHED
        self.body: Iterable[bytes] = ()

    def note_status(
        self, line: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:  # fmt: skip
        """The start_response that the application calls."""
        self.status, self.route = line[:3], _route(self._environ)
        return self._start_response(line, headers, exc_info)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.body)

    def close(self) -> None:
        """Close the body, and say so whatever comes of it."""
        try:
            close = getattr(self.body, "close", None)
            if close is not None:
                close()
        finally:
            self.finish()

    def finish(self) -> None:
        """It has ended."""
        method = self._environ["REQUEST_METHOD"]
        self._timer.finish(self, method, self.route, self.status, perf_counter() - self._started)


def _route(environ: WSGIEnvironment) -> str:
    """The rule of the request that Flask keeps in the environment while it is being answered."""
    # A function before each request would tell the same and cost more than all that is measured here.
    request = environ.get("werkzeug.request")
    rule = request.url_rule if request is not None else None
    return UNMATCHED if rule is None else str(rule.rule)
