"""The secrets of one stack, and the names of its roles, database and bucket."""

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
    """Passwords, new for each stack."""

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
    """A libpq URL."""
    return f"postgresql://{user}:{password}@{host}:{port}/{database}"


def scram_secret(password: str, salt: str) -> str:
    """The stored form of a password for PostgreSQL and PgBouncer (RFC 5803), with one iteration instead of 4,096.

    Iterations slow down guessing, which 128 random bits rule out. With 4,096 a log-in costs client and PgBouncer 10 ms
    of CPU, and 225 processes log in to 24 databases each. Go's client refuses fewer than 1,000, libpq does not.
    """
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), 1)
    client_key, server_key = (hmac.digest(salted, what, "sha256") for what in (b"Client Key", b"Server Key"))
    kept, proof, own = (
        base64.b64encode(part).decode() for part in (salt.encode(), hashlib.sha256(client_key).digest(), server_key)
    )
    return f"SCRAM-SHA-256$1:{kept}${proof}:{own}"
