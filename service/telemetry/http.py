"""The timer around every HTTP request."""

from collections.abc import Callable, Iterable
from time import perf_counter
from typing import TYPE_CHECKING, Any

from flask import Flask, request
from werkzeug.wsgi import ClosingIterator

from service import catalog
from service.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED = "unmatched"
_ROUTE = "likestorm.route"


def time_requests(app: Flask, metrics: Metrics) -> None:
    """Observe every request of `app`, by the rule of its URL."""

    def note_route() -> None:
        if request.url_rule is not None:
            request.environ[_ROUTE] = request.url_rule.rule

    app.before_request(note_route)
    app.wsgi_app = HttpTimer(app.wsgi_app, metrics)  # type: ignore[method-assign]


class HttpTimer:
    """WSGI middleware that times a request until its body has been handed over, or given up.

    Labels are bounded: methods to METHODS or "other", routes to the app's rules or UNMATCHED.
    """

    def __init__(self, app: "WSGIApplication", metrics: Metrics) -> None:
        self._app = app
        self._in_flight = metrics.gauge(catalog.HTTP_IN_FLIGHT)
        self._metrics = metrics
        self._bound: dict[tuple[str, str, str], Callable[[float], None]] = {}

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Pass the request on and watch it end."""
        started = perf_counter()
        status = "500"
        self._in_flight.inc()

        def note_status(line: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            nonlocal status
            status = line[:3]
            return start_response(line, headers, exc_info)

        def finish() -> None:
            self._in_flight.dec()
            method = environ["REQUEST_METHOD"]
            known = method if method in METHODS else "other"
            self._observer(known, environ.get(_ROUTE, UNMATCHED), status)(perf_counter() - started)

        try:
            body = self._app(environ, note_status)
        except BaseException:
            finish()
            raise
        return ClosingIterator(body, finish)

    def _observer(self, method: str, route: str, status: str) -> Callable[[float], None]:
        """What records one request; bound once for each combination, since looking children up is the dear part."""
        key = (method, route, status)
        if key not in self._bound:
            count = self._metrics.counter(catalog.HTTP_REQUESTS, *key).inc
            observe = self._metrics.histogram(catalog.HTTP_DURATION, method, route).observe

            def record(seconds: float) -> None:
                count()
                observe(seconds)

            self._bound[key] = record
        return self._bound[key]
