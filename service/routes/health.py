"""Health checks: whether the process is alive, and whether it reaches every store."""

from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version

from flask import Blueprint, Response

from service.domain.errors import UnavailableError
from service.routes.openapi import operation
from service.routes.responses import AliveResponse, ErrorDetail, ReadyResponse, UnreadyResponse, respond


def blueprint(pings: Mapping[str, Callable[[], None]]) -> Blueprint:
    """GET /healthz, which touches no backend, and GET /readyz, which calls each of `pings`.

    Balancers use /healthz: a database that is down must not take every instance out of service.
    """
    routes = Blueprint("health", __name__)
    http_parser = find_http_parser()

    @routes.get("/healthz")
    @operation("Is the service alive?", {200: AliveResponse}, public=True)
    def show_health() -> Response:
        return respond(200, AliveResponse("alive", http_parser))

    @routes.get("/readyz")
    @operation("Does the service reach every store?", {200: ReadyResponse, 503: UnreadyResponse}, public=True)
    def show_readiness() -> Response:
        down = [name for name, ping in pings.items() if not _reached(ping)]
        if down:
            detail = ErrorDetail("unavailable", f"not reached: {', '.join(down)}")
            return respond(503, UnreadyResponse(detail, down))
        return respond(200, ReadyResponse("ready"))

    return routes


def find_http_parser() -> str:
    """The parser that gunicorn uses with http_parser = "auto": gunicorn_h1c where it is installed, else its own."""
    try:
        return f"gunicorn_h1c {version('gunicorn_h1c')}"
    except PackageNotFoundError:
        return f"gunicorn {version('gunicorn')}, Python"


def _reached(ping: Callable[[], None]) -> bool:
    try:
        ping()
    except UnavailableError:
        return False
    return True
