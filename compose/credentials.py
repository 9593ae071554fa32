"""The secrets of one stack, and the environment through which the service learns them."""

import secrets
from dataclasses import dataclass, field

from compose.topology import Topology

DATABASE = "likestorm"
ROLE = "likestorm"
MONITOR = "monitor"
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
    redis: str = field(default_factory=_token)
    store_access: str = field(default_factory=_token)
    store_secret: str = field(default_factory=_token)
    supervisor: str = field(default_factory=_token)


def postgres_url(user: str, password: str, port: int, database: str = DATABASE) -> str:
    """A libpq URL on the loopback address."""
    return f"postgresql://{user}:{password}@{HOST}:{port}/{database}"


def service_environment(topology: Topology, credentials: Credentials) -> dict[str, str]:
    """What every service process is told, whichever instance it is (service/config.py reads it)."""
    ports = topology.ports
    store = f"http://{HOST}:{ports['store']}"
    return {
        "LIKESTORM_DATABASE_URL": postgres_url(ROLE, credentials.database, ports["pgbouncer"]),
        "LIKESTORM_REDIS_URL": f"redis://:{credentials.redis}@{HOST}:{ports['redis']}/0",
        "LIKESTORM_MEMCACHED": f"{HOST}:{ports['memcached']}",
        "LIKESTORM_S3_ENDPOINT": store,
        "LIKESTORM_S3_PUBLIC_ENDPOINT": store,
        "LIKESTORM_S3_BUCKET": BUCKET,
        "LIKESTORM_S3_REGION": REGION,
        "LIKESTORM_S3_ACCESS_KEY": credentials.store_access,
        "LIKESTORM_S3_SECRET_KEY": credentials.store_secret,
        "LIKESTORM_DB_POOL_SIZE": str(topology.app_threads),
        # Cheap on purpose: a benchmark of sign-ups should not be one of Argon2.
        "LIKESTORM_PASSWORD_MEMORY_KIB": "8192",
        "LIKESTORM_PASSWORD_TIME_COST": "1",
    }
