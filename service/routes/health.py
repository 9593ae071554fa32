"""Whether the process lives, and whether it reaches what it needs."""

from collections.abc import Callable, Mapping

from flask import Blueprint, Response

from service.domain.errors import UnavailableError
from service.routes.messages import answer


def blueprint(pings: Mapping[str, Callable[[], None]]) -> Blueprint:
    """GET /healthz, which touches no backend, and GET /readyz, which calls each of `pings`."""
    routes = Blueprint("health", __name__)

    @routes.get("/healthz")
    def show_health() -> Response:
        return answer(200, {"status": "alive"})

    @routes.get("/readyz")
    def show_readiness() -> Response:
        down = [name for name, ping in pings.items() if not _reached(ping)]
        if down:
            error = {"code": "unavailable", "message": f"not reached: {', '.join(down)}"}
            return answer(503, {"error": error, "unreached": down})
        return answer(200, {"status": "ready"})

    return routes


def _reached(ping: Callable[[], None]) -> bool:
    try:
        ping()
    except UnavailableError:
        return False
    return True
