"""The service's configuration, read once from the environment and frozen."""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from service.domain.errors import ServiceError

PREFIX = "LIKESTORM_"
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Count = Annotated[int, Meta(ge=1, lt=2**31)]
Text = Annotated[str, Meta(min_length=1)]
HttpUrl = Annotated[str, Meta(pattern="^https?://")]


class ConfigError(ServiceError):
    """A variable that is missing or invalid; the message names it."""


class Networks(tuple[Network, ...]):
    """IP networks, written 10.0.0.0/8[,::1/128]."""

    __slots__ = ()


@dataclass(frozen=True, kw_only=True)
class PushConfig:
    """The push service and its signing key; `ca` is the file of the trusted authority, None for the system's."""

    url: str
    ca: Path | None = None
    key: Path
    key_id: str
    team_id: str
    topic: str


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that differs between deployments; secrets stay out of its repr.

    Times in seconds, sizes in bytes unless named otherwise. `shards` is the file that maps logical shards to servers,
    `s3_public_endpoint` is where clients put objects, `cdn_url` where they get them, `backend_timeout_s` the deadline
    of every operation on a backing store. `proxy_hops` is the number of proxies that append to X-Forwarded-For;
    `loadtest_networks` have no rate limits. Without `push` no push is sent, without `sentry_dsn` no error is tracked.
    `server_timing` shows every client which tier took how long, which is for load tests only.
    """

    shards: Path
    redis_url: str = field(repr=False)
    memcached: tuple[tuple[Text, Annotated[int, Meta(ge=1, lt=2**16)]], ...]
    s3_endpoint: str
    s3_public_endpoint: str
    s3_bucket: str
    s3_region: str = "us-east-1"
    s3_access_key: str = field(repr=False)
    s3_secret_key: str = field(repr=False)
    cdn_url: str
    instance: str = "service"
    db_pool_size: Count = 8
    session_ttl_s: Count = 86_400
    upload_ttl_s: Count = 600
    upload_max_bytes: Count = 10_000_000
    backend_timeout_s: Annotated[float, Meta(gt=0, lt=3600)] = 2.0
    media_map_buckets: Count = 889
    password_memory_kib: Count = 19_456
    password_time_cost: Count = 2
    logins_per_minute_and_name: Count = 10
    logins_per_minute_and_address: Count = 60
    signups_per_hour_and_address: Count = 60
    proxy_hops: Annotated[int, Meta(ge=0, lt=2**31)] = 1
    loadtest_networks: Networks = field(default_factory=Networks)
    share_networks: dict[Annotated[str, Meta(pattern=r"^\w+\Z")], HttpUrl] = field(default_factory=dict)
    metrics: bool = True
    server_timing: bool = False
    push: PushConfig | None = None
    sentry_dsn: str | None = field(default=None, repr=False)
    release: str = "unknown"
    run: str = "none"

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> "Config":
        """Read the LIKESTORM_… variables, of which empty ones count as unset; ConfigError names an invalid one."""
        try:
            config = msgspec.convert(_read_values(environment), cls, strict=False, dec_hook=_parse)
        except msgspec.ValidationError as error:
            raise ConfigError(_explain(str(error), environment)) from error
        if config.server_timing and not config.metrics:
            raise ConfigError("LIKESTORM_SERVER_TIMING=1 needs LIKESTORM_METRICS=1: both use the same timers")
        return config


def _read_values(environment: Mapping[str, str]) -> dict[str, Any]:
    """Values by the name of the field, lists split, with the defaults that depend on other values."""
    values: dict[str, Any] = {
        name.removeprefix(PREFIX).lower(): text.rstrip("/") if name.endswith(("_URL", "_ENDPOINT")) else text
        for name, text in environment.items()
        if name.startswith(PREFIX) and text
    }
    values.setdefault("s3_bucket", "likestorm")
    if "s3_endpoint" in values:
        values.setdefault("s3_public_endpoint", values["s3_endpoint"])
        # Without a CDN clients get objects from the bucket itself, whose store must allow public reads.
        values.setdefault("cdn_url", f"{values['s3_public_endpoint']}/{values['s3_bucket']}")
    if "memcached" in values:
        values["memcached"] = [part.strip().rpartition(":")[::2] for part in values["memcached"].split(",")]
    if "share_networks" in values:
        pairs = [part.strip().partition("=")[::2] for part in values["share_networks"].split(",")]
        values["share_networks"] = {name: url.rstrip("/") for name, url in pairs}
    if "push_url" in values:
        values["push"] = {name.removeprefix("push_"): text for name, text in values.items() if name.startswith("push_")}
    return values


def _parse(kind: type, text: str) -> Any:
    """Types that msgspec does not know; its error message quotes a ValueError."""
    if kind is Networks:
        return Networks(ipaddress.ip_network(part.strip()) for part in text.split(","))
    return kind(text)


def _explain(message: str, environment: Mapping[str, str]) -> str:
    """msgspec's message with the variable in place of the field's path, such as `$.push.key` or `$.memcached[0][1]`."""
    what = message.partition(" - at ")[0]
    found = re.search(r"\$\.(\w+)(?:\.(\w+))?", message)
    fields = [name for name in found.groups() if name] if found else []
    if "missing required field" in what:
        return f"{PREFIX}{'_'.join([*fields, what.split('`')[1]]).upper()} is not set"
    variable = f"{PREFIX}{'_'.join(fields).upper()}"
    return f"{variable}={environment.get(variable, '')}: {what.removesuffix(', got `str`')}"
