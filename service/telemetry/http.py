"""The timer around every HTTP request."""

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

    def __init__(self, app: "WSGIApplication", metrics: Metrics) -> None:
        self._app = app
        self._in_flight = metrics.gauge(catalog.HTTP_IN_FLIGHT)
        self._metrics = metrics
        self._bound: dict[tuple[str, str, str], Callable[[float], None]] = {}

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Pass the request on and watch it end."""
        started = perf_counter()
        status, route = "500", UNMATCHED
        self._in_flight.inc()

        def note_status(line: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            nonlocal status, route
            status, route = line[:3], _route(environ)
            return start_response(line, headers, exc_info)

        def finish() -> None:
            self._in_flight.dec()
            method = environ["REQUEST_METHOD"]
            known = method if method in METHODS else "other"
            self._observer(known, route, status)(perf_counter() - started)

        try:
            body = self._app(environ, note_status)
        except BaseException:
            finish()
            raise
        return _Watched(body, finish)

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


class _Watched:
    """A body that tells when it is closed."""

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


def _route(environ: "WSGIEnvironment") -> str:
    """The rule of the request that Flask keeps in the environment while it is being answered."""
    # A function before each request would tell the same and cost more than all that is measured here.
    request = environ.get("werkzeug.request")
    rule = request.url_rule if request is not None else None
    return UNMATCHED if rule is None else str(rule.rule)
