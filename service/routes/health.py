"""Whether the process lives, and whether it reaches what it needs."""

from collections.abc import Callable, Mapping

from flask import Blueprint, Response

from service.domain.errors import UnavailableError
from service.routes.answers import ErrorDetail, HealthAnswer, UnreadyAnswer, answer
from service.routes.openapi import operation


def blueprint(pings: Mapping[str, Callable[[], None]]) -> Blueprint:
    """GET /healthz, which touches no backend, and GET /readyz, which calls each of `pings`.

    Balancers are to ask the former: one database that is away must not take every instance out of service.
    """
    routes = Blueprint("health", __name__)

    @routes.get("/healthz")
    @operation("Does the service live?", {200: HealthAnswer}, public=True)
    def show_health() -> Response:
        return answer(200, HealthAnswer("alive"))

    @routes.get("/readyz")
    @operation("Does the service reach every store?", {200: HealthAnswer, 503: UnreadyAnswer}, public=True)
    def show_readiness() -> Response:
        down = [name for name, ping in pings.items() if not _reached(ping)]
        if down:
            detail = ErrorDetail("unavailable", f"not reached: {', '.join(down)}")
            return answer(503, UnreadyAnswer(detail, down))
        return answer(200, HealthAnswer("ready"))

    return routes


def _reached(ping: Callable[[], None]) -> bool:
    try:
        ping()
    except UnavailableError:
        return False
    return True
