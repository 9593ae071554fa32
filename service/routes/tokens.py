"""Who a request comes from, and from where."""

from flask import request

from service.domain.entities import Session
from service.domain.errors import UnauthenticatedError
from service.domain.users import Users


def bearer_token() -> str:
    """The token of the Authorization header; UnauthenticatedError when there is none."""
    header: str = request.environ.get("HTTP_AUTHORIZATION", "")
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise UnauthenticatedError("send Authorization: Bearer TOKEN")
    return token


def current_session(users: Users) -> Session:
    """The session of the user who reads."""
    return users.identify(bearer_token())


def current_writer(users: Users) -> Session:
    """The session of the user who writes, and who is then to read what he wrote."""
    return users.identify_writer(bearer_token())


def client_address(hops: int) -> str:
    """Where the request comes from, past `hops` proxies that each append to X-Forwarded-For who came to them.

    What stands further left was sent by the client and may be anything.
    """
    if hops == 0:
        return request.remote_addr or ""
    forwarded: str = request.environ.get("HTTP_X_FORWARDED_FOR", "")
    addresses = [part.strip() for part in forwarded.split(",")]
    # With fewer addresses than proxies the request has come past them, from the machine itself.
    return addresses[-hops] if forwarded and len(addresses) >= hops else request.remote_addr or ""
