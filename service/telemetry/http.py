"""The timer around every HTTP request."""

from functools import partial
from time import perf_counter

from flask import Flask, Response, g, request

from service import catalog
from service.telemetry.metrics import Metrics

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED = "unmatched"


def time_requests(app: Flask, metrics: Metrics) -> None:
    """Observe every request of `app`; does nothing where no metrics are kept.

    Call it before other hooks are registered, so that their time counts too.
    """
    if metrics.is_kept:
        timer = HttpTimer(metrics)
        app.before_request(timer.start)
        app.after_request(timer.stop_on_close)


class HttpTimer:
    """Times a request from its first hook until the server has sent the response's last byte.

    Labels are bounded: methods to METHODS or "other", routes to the application's rules or UNMATCHED.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._in_flight = metrics.gauge(catalog.HTTP_IN_FLIGHT)

    def start(self) -> None:
        """Begin to time the current request."""
        g.started = perf_counter()
        self._in_flight.inc()

    def stop_on_close(self, response: Response) -> Response:
        """Observe the current request when the response is closed: a streamed body is still to come."""
        method = request.method if request.method in METHODS else "other"
        route = request.url_rule.rule if request.url_rule else UNMATCHED
        response.call_on_close(partial(self._stop, g.started, method, route, str(response.status_code)))
        return response

    def _stop(self, started: float, method: str, route: str, status: str) -> None:
        self._in_flight.dec()
        self._metrics.counter(catalog.HTTP_REQUESTS, method, route, status).inc()
        self._metrics.histogram(catalog.HTTP_DURATION, method, route).observe(perf_counter() - started)
