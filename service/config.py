"""The service's settings, read once from the environment and frozen."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from service.domain.errors import ServiceError


class ConfigError(ServiceError):
    """A variable that is missing or makes no sense; the message names it."""


@dataclass(frozen=True)
class Config:
    """Everything that differs between deployments.

    Times in seconds, sizes in bytes unless named otherwise; `s3_public_endpoint` is where clients reach the store,
    `backend_timeout_s` the deadline of every single operation on a backing store.
    """

    database_url: str
    redis_url: str
    memcached: tuple[tuple[str, int], ...]
    s3_endpoint: str
    s3_public_endpoint: str
    s3_bucket: str
    s3_region: str
    s3_access_key: str
    s3_secret_key: str
    instance: str
    db_pool_size: int
    session_ttl_s: int
    upload_ttl_s: int
    upload_max_bytes: int
    backend_timeout_s: float
    password_memory_kib: int
    password_time_cost: int

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> "Config":
        """Read the LIKESTORM_… variables; ConfigError names the first one that is wrong."""
        reader = _Reader(environment)
        endpoint = reader.text("S3_ENDPOINT").rstrip("/")
        return cls(
            database_url=reader.text("DATABASE_URL"),
            redis_url=reader.text("REDIS_URL"),
            memcached=reader.addresses("MEMCACHED"),
            s3_endpoint=endpoint,
            s3_public_endpoint=reader.text("S3_PUBLIC_ENDPOINT", endpoint).rstrip("/"),
            s3_bucket=reader.text("S3_BUCKET", "likestorm"),
            s3_region=reader.text("S3_REGION", "us-east-1"),
            s3_access_key=reader.text("S3_ACCESS_KEY"),
            s3_secret_key=reader.text("S3_SECRET_KEY"),
            instance=reader.text("INSTANCE", "service"),
            db_pool_size=reader.count("DB_POOL_SIZE", 8),
            session_ttl_s=reader.count("SESSION_TTL_S", 86_400),
            upload_ttl_s=reader.count("UPLOAD_TTL_S", 600),
            upload_max_bytes=reader.count("UPLOAD_MAX_BYTES", 10_000_000),
            backend_timeout_s=reader.seconds("BACKEND_TIMEOUT_S", 2.0),
            password_memory_kib=reader.count("PASSWORD_MEMORY_KIB", 19_456),
            password_time_cost=reader.count("PASSWORD_TIME_COST", 2),
        )


class _Reader:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def text(self, name: str, default: str | None = None) -> str:
        value = self._environment.get(f"LIKESTORM_{name}") or default
        if value is None:
            raise ConfigError(f"LIKESTORM_{name} is not set")
        return value

    def count(self, name: str, default: int) -> int:
        text = self.text(name, str(default))
        if not (text.isascii() and text.isdigit() and 0 < int(text) < 2**31):
            raise ConfigError(f"LIKESTORM_{name} must be a whole number above 0, not {text!r}")
        return int(text)

    def seconds(self, name: str, default: float) -> float:
        text = self.text(name, str(default))
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not 0 < value < 3600:
            raise ConfigError(f"LIKESTORM_{name} must be a number of seconds between 0 and 3600, not {text!r}")
        return value

    def addresses(self, name: str) -> tuple[tuple[str, int], ...]:
        text = self.text(name)
        pairs = [part.strip().rpartition(":") for part in text.split(",")]
        if not all(host and port.isascii() and port.isdigit() for host, _, port in pairs):
            raise ConfigError(f"LIKESTORM_{name} must be host:port[,host:port], not {text!r}")
        return tuple((host, int(port)) for host, _, port in pairs)
