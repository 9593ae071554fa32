"""The service's settings, read once from the environment and frozen."""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from service.domain.errors import ServiceError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ConfigError(ServiceError):
    """A variable that is missing or makes no sense; the message names it."""


@dataclass(frozen=True)
class PushConfig:
    """Where pushes go and what signs for them; `ca` is the file with the authority to trust, None for the system's."""

    url: str
    ca: Path | None
    key: Path
    key_id: str
    team_id: str
    topic: str


@dataclass(frozen=True)
class Config:
    """Everything that differs between deployments; secrets stay out of its repr.

    Times in seconds, sizes in bytes unless named otherwise. `shards` is the file that maps logical shards to servers,
    `s3_public_endpoint` where clients put objects, `cdn_url` where they get them, `backend_timeout_s` the deadline of
    every single operation on a backing store. `proxy_hops` says how many proxies append to X-Forwarded-For;
    `loadtest_networks` know no rate limits. Without `push` nothing can be pushed, without `sentry_dsn` no error is
    tracked. `metrics` are kept unless told otherwise. `server_timing` tells every client which tier took how long,
    which is for load tests, not for strangers.
    """

    shards: Path
    redis_url: str = field(repr=False)
    memcached: tuple[tuple[str, int], ...]
    s3_endpoint: str
    s3_public_endpoint: str
    s3_bucket: str
    s3_region: str
    s3_access_key: str = field(repr=False)
    s3_secret_key: str = field(repr=False)
    cdn_url: str
    instance: str
    db_pool_size: int
    session_ttl_s: int
    upload_ttl_s: int
    upload_max_bytes: int
    backend_timeout_s: float
    media_map_buckets: int
    password_memory_kib: int
    password_time_cost: int
    logins_per_minute_and_name: int
    logins_per_minute_and_address: int
    signups_per_hour_and_address: int
    proxy_hops: int
    loadtest_networks: tuple[Network, ...]
    share_networks: Mapping[str, str]
    metrics: bool
    server_timing: bool
    push: PushConfig | None
    sentry_dsn: str | None = field(repr=False)
    release: str
    run: str

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> "Config":
        """Read the LIKESTORM_… variables; ConfigError names the first one that is wrong."""
        reader = _Reader(environment)
        endpoint = reader.text("S3_ENDPOINT").rstrip("/")
        public_endpoint = reader.text("S3_PUBLIC_ENDPOINT", endpoint).rstrip("/")
        bucket = reader.text("S3_BUCKET", "likestorm")
        metrics, server_timing = reader.switch("METRICS", "1"), reader.switch("SERVER_TIMING")
        if server_timing and not metrics:
            raise ConfigError("LIKESTORM_SERVER_TIMING=1 needs LIKESTORM_METRICS=1: the same timers tell both")
        return cls(
            shards=Path(reader.text("SHARDS")),
            redis_url=reader.text("REDIS_URL"),
            memcached=reader.addresses("MEMCACHED"),
            s3_endpoint=endpoint,
            s3_public_endpoint=public_endpoint,
            s3_bucket=bucket,
            s3_region=reader.text("S3_REGION", "us-east-1"),
            s3_access_key=reader.text("S3_ACCESS_KEY"),
            s3_secret_key=reader.text("S3_SECRET_KEY"),
            # Without a CDN the bucket itself, which holds where the store allows public reads.
            cdn_url=reader.text("CDN_URL", f"{public_endpoint}/{bucket}").rstrip("/"),
            instance=reader.text("INSTANCE", "service"),
            db_pool_size=reader.count("DB_POOL_SIZE", 8),
            session_ttl_s=reader.count("SESSION_TTL_S", 86_400),
            upload_ttl_s=reader.count("UPLOAD_TTL_S", 600),
            upload_max_bytes=reader.count("UPLOAD_MAX_BYTES", 10_000_000),
            backend_timeout_s=reader.seconds("BACKEND_TIMEOUT_S", 2.0),
            media_map_buckets=reader.count("MEDIA_MAP_BUCKETS", 889),
            password_memory_kib=reader.count("PASSWORD_MEMORY_KIB", 19_456),
            password_time_cost=reader.count("PASSWORD_TIME_COST", 2),
            logins_per_minute_and_name=reader.count("LOGINS_PER_MINUTE_AND_NAME", 10),
            logins_per_minute_and_address=reader.count("LOGINS_PER_MINUTE_AND_ADDRESS", 60),
            signups_per_hour_and_address=reader.count("SIGNUPS_PER_HOUR_AND_ADDRESS", 60),
            proxy_hops=reader.count("PROXY_HOPS", 1, least=0),
            loadtest_networks=reader.networks("LOADTEST_NETWORKS"),
            share_networks=reader.addresses_by_name("SHARE_NETWORKS"),
            metrics=metrics,
            server_timing=server_timing,
            push=_read_push(reader),
            sentry_dsn=reader.optional("SENTRY_DSN"),
            release=reader.text("RELEASE", "unknown"),
            run=reader.text("RUN", "none"),
        )


def _read_push(reader: "_Reader") -> PushConfig | None:
    url = reader.optional("PUSH_URL")
    if url is None:
        return None
    ca = reader.optional("PUSH_CA")
    return PushConfig(
        url=url.rstrip("/"),
        ca=Path(ca) if ca else None,
        key=Path(reader.text("PUSH_KEY")),
        key_id=reader.text("PUSH_KEY_ID"),
        team_id=reader.text("PUSH_TEAM_ID"),
        topic=reader.text("PUSH_TOPIC"),
    )


class _Reader:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def optional(self, name: str) -> str | None:
        return self._environment.get(f"LIKESTORM_{name}") or None

    def text(self, name: str, default: str | None = None) -> str:
        value = self.optional(name) or default
        if value is None:
            raise ConfigError(f"LIKESTORM_{name} is not set")
        return value

    def count(self, name: str, default: int, least: int = 1) -> int:
        text = self.text(name, str(default))
        if not (text.isascii() and text.isdigit() and len(text) <= 10 and least <= int(text) < 2**31):
            raise ConfigError(f"LIKESTORM_{name} must be a whole number from {least}, not {text!r}")
        return int(text)

    def switch(self, name: str, default: str = "0") -> bool:
        text = self.text(name, default)
        if text not in ("0", "1"):
            raise ConfigError(f"LIKESTORM_{name} must be 0 or 1, not {text!r}")
        return text == "1"

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

    def addresses_by_name(self, name: str) -> dict[str, str]:
        text = self.optional(name) or ""
        pairs = [part.strip().partition("=") for part in text.split(",") if part.strip()]
        if not all(key.isidentifier() and url.startswith(("http://", "https://")) for key, _, url in pairs):
            raise ConfigError(f"LIKESTORM_{name} must be name=url[,name=url], not {text!r}")
        return {key: url.rstrip("/") for key, _, url in pairs}

    def networks(self, name: str) -> tuple[Network, ...]:
        text = self.optional(name) or ""
        try:
            return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
        except ValueError as error:
            raise ConfigError(f"LIKESTORM_{name} must be networks such as 10.0.0.0/8: {error}") from error
