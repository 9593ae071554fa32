"""Who a request comes from."""

from flask import request

from service.domain.errors import UnauthenticatedError
from service.domain.users import Users


def bearer_token() -> str:
    """The token of the Authorization header; UnauthenticatedError when there is none."""
    header: str = request.environ.get("HTTP_AUTHORIZATION", "")
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise UnauthenticatedError("send Authorization: Bearer TOKEN")
    return token


def current_user(users: Users) -> int:
    """The id of the user whose token the request holds."""
    return users.identify(bearer_token())
