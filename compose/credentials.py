"""The secrets of one stack, and the names that go with them."""

import secrets
from dataclasses import dataclass, field

DATABASE = "likestorm"
ROLE = "likestorm"
MONITOR = "monitor"
REPLICATOR = "replicator"
BUCKET = "likestorm"
REGION = "us-east-1"
HOST = "127.0.0.1"


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
    tracker_secret: str = field(default_factory=_token)
    tracker_key: str = field(default_factory=_token)
    tracker_token: str = field(default_factory=lambda: secrets.token_hex(20))  # the length that Bugsink wants


def postgres_url(user: str, password: str, port: int, database: str = DATABASE, host: str = HOST) -> str:
    """A libpq URL, on the loopback address unless told otherwise."""
    return f"postgresql://{user}:{password}@{host}:{port}/{database}"
