"""Maps exceptions to statuses; every error is {"error": {"code", "message"}}."""

import logging
import math

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from service.domain.errors import (
    MalformedError,
    NotFoundError,
    ServiceError,
    TakenError,
    TooManyError,
    UnauthenticatedError,
    UnavailableError,
)
from service.routes.responses import ErrorDetail, ErrorResponse, respond

_log = logging.getLogger(__name__)

_STATUSES: dict[type[ServiceError], tuple[int, str]] = {
    MalformedError: (400, "malformed"),
    UnauthenticatedError: (401, "unauthenticated"),
    NotFoundError: (404, "not_found"),
    TakenError: (409, "taken"),
    TooManyError: (429, "too_many"),
    UnavailableError: (503, "unavailable"),
}


def register(app: Flask) -> None:
    """Handle every exception that a route raises."""
    app.register_error_handler(ServiceError, _on_service_error)
    app.register_error_handler(HTTPException, _on_http_error)
    app.register_error_handler(Exception, _on_unexpected_error)


def _on_service_error(error: ServiceError) -> Response:
    known = _STATUSES.get(type(error))
    if known is None:
        return _on_unexpected_error(error)
    status, code = known
    if isinstance(error, UnavailableError):
        # The backend's own message goes to the log only: it may name hosts and keys.
        _log.warning("%s", error)
        return _respond(status, code, f"{error.store} did not answer")
    response = _respond(status, code, str(error))
    if isinstance(error, TooManyError):
        response.headers["Retry-After"] = str(math.ceil(error.retry_after))
    elif status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _on_http_error(error: HTTPException) -> Response:
    """Errors that Flask raises: unknown paths, wrong methods, bodies that are too large."""
    response = _respond(error.code or 500, error.name.lower().replace(" ", "_"), error.description or error.name)
    allow = error.get_response().headers.get("Allow")
    if allow:
        response.headers["Allow"] = allow
    return response


def _on_unexpected_error(error: Exception) -> Response:
    _log.error("a request failed", exc_info=error)
    return _respond(500, "internal", "something went wrong here")


def _respond(status: int, code: str, message: str) -> Response:
    return respond(status, ErrorResponse(ErrorDetail(code, message)))
