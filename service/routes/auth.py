"""The user and the address that a request comes from."""

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
    """The session of a user who reads."""
    return users.identify(bearer_token())


def current_writer(users: Users) -> Session:
    """The session of a user who writes; for some seconds that user reads from primaries."""
    return users.identify_writer(bearer_token())


def client_address(hops: int) -> str:
    """The client's address behind `hops` proxies, each of which appends its peer's address to X-Forwarded-For.

    The client controls what stands further left in that header.
    """
    if hops == 0:
        return request.remote_addr or ""
    forwarded: str = request.environ.get("HTTP_X_FORWARDED_FOR", "")
    addresses = [part.strip() for part in forwarded.split(",")]
    # Fewer addresses than proxies: the request bypassed the proxies and comes from this machine.
    return addresses[-hops] if forwarded and len(addresses) >= hops else request.remote_addr or ""
