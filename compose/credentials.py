"""The secrets of one stack, and the names that go with them."""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

from compose.topology import LOOPBACK

DATABASE = "likestorm"
ROLE = "likestorm"
MONITOR = "monitor"
REPLICATOR = "replicator"
BUCKET = "likestorm"
REGION = "us-east-1"


def _token() -> str:
    # Hexadecimal, so that no URL, shell or configuration file needs to quote it.
    return secrets.token_hex(16)


@dataclass(frozen=True)
class Credentials:
    """Passwords made anew for each stack; nothing outlives it."""

    superuser: str = field(default_factory=_token)
    database: str = field(default_factory=_token)
    monitor: str = field(default_factory=_token)
    replicator: str = field(default_factory=_token)
    redis: str = field(default_factory=_token)
    store_access: str = field(default_factory=_token)
    store_secret: str = field(default_factory=_token)
    supervisor: str = field(default_factory=_token)
    salt: str = field(default_factory=_token)
    tracker_secret: str = field(default_factory=_token)
    tracker_key: str = field(default_factory=_token)
    tracker_token: str = field(default_factory=lambda: secrets.token_hex(20))  # the length that Bugsink wants


def postgres_url(user: str, password: str, port: int, database: str = DATABASE, host: str = LOOPBACK) -> str:
    """A libpq URL, on the loopback address unless told otherwise."""
    return f"postgresql://{user}:{password}@{host}:{port}/{database}"


def scram_secret(password: str, salt: str) -> str:
    """What PostgreSQL and PgBouncer keep of one of our passwords (RFC 5803), with a single iteration.

    For clients with libpq: Go's, which the exporter of PostgreSQL has, refuses fewer than 1,000.
    The usual 4,096 slow down whoever tries likely passwords, and of 128 random bits none is likelier than another. A
    log-in would cost client and PgBouncer 10 ms of CPU together, and 225 processes log in to 24 databases each.
    """
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), 1)
    client_key, server_key = (hmac.digest(salted, what, "sha256") for what in (b"Client Key", b"Server Key"))
    kept, proof, own = (
        base64.b64encode(part).decode() for part in (salt.encode(), hashlib.sha256(client_key).digest(), server_key)
    )
    return f"SCRAM-SHA-256$1:{kept}${proof}:{own}"
