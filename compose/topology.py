"""The number of each part's instances, their names and their ports."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from compose.errors import UsageError

DEFAULT_BASE_PORT = 8400
LOOPBACK, ANY = "127.0.0.1", "0.0.0.0"  # noqa: S104 - ANY is for containers only
LOWEST_BASE_PORT, HIGHEST_PORT = 1024, 65535
TOPOLOGIES = Path(__file__).resolve().parent / "topologies"
DEFAULT = "small"

QUEUES = ("push", "fanout", "thumbnails", "share")
# Ids have 13 bits for the logical shard.
MOST_SHARDS = 8192

# The offset of each single part's port from the base port; parts with several instances begin at FIRST_OF_SEVERAL.
OFFSETS: Mapping[str, int] = MappingProxyType(
    {
        "front": 0,  # the balancer: the address for clients
        "balancer-status": 1,  # haproxy's own page and metrics
        "supervisor": 2,
        "prometheus": 3,
        "pgbouncer": 4,
        "cdn": 5,  # the edge: the address for photos
        "redis": 6,
        "origin": 7,  # behind the edge: signs requests to the store
        "store": 8,
        "collectors": 9,
        "exporter-node": 10,
        "exporter-postgres": 11,
        "exporter-redis": 12,
        "alertmanager": 13,
        "exporter-blackbox": 15,
        "signer": 16,
        "fake-push": 17,  # HTTP/2 with TLS, like Apple's
        "fakes": 18,  # the two social networks, and the fakes' faults
        "errors": 19,
        "cdn-status": 20,
        "generator": 21,  # no part: the load generator listens here during a test
    }
)
FIRST_OF_SEVERAL = 30
# In containers: the container with each port that is not a part's own.
_CONTAINERS: Mapping[str, str] = MappingProxyType(
    {"balancer-status": "front", "origin": "cdn", "cdn-status": "cdn", "fake-push": "fakes", "generator": "locust"}
)
APP = "app"
WARM_UP_EACH_S = 1.0
Count = Annotated[int, Meta(ge=1)]


@dataclass(frozen=True)
class Topology:
    """One shape of the stack; each primary has one streaming replica, each queue its own workers.

    media_map_entries: the number of photos that Redis's map of owners is sized for. scrape_interval_s: of Prometheus.
    errors: with an error tracker. in_containers: each part has an address of its own instead of loopback.
    settings: variables of the service that replace the stack's own.
    """

    name: str
    nginx: int
    app: int
    app_threads: int
    primaries: int
    logical_shards: int
    memcached: int
    media_map_entries: int
    scrape_interval_s: int
    workers: Mapping[str, int]
    base_port: int = DEFAULT_BASE_PORT
    errors: bool = False
    in_containers: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.base_port < LOWEST_BASE_PORT or self.base_port + self.ports_span > HIGHEST_PORT + 1:
            highest = HIGHEST_PORT + 1 - self.ports_span
            raise UsageError(f"base port {self.base_port} is not between {LOWEST_BASE_PORT} and {highest} (BASE_PORT=)")

    @property
    def warm_up_s(self) -> float:
        """Seconds of load until all app instances have filled their pools and caches."""
        return WARM_UP_EACH_S * self.app

    @property
    def ports(self) -> Mapping[str, int]:
        """Every port of the stack, by part; nginx-1-status is the port of nginx-1's counters."""
        offsets = dict(OFFSETS) | {name: FIRST_OF_SEVERAL + index for index, name in enumerate(self._several())}
        ports = {name: self.base_port + offset for name, offset in offsets.items()}
        # Containers of one kind have one port and different addresses.
        return ports | dict.fromkeys(self.app_instances, ports["app-1"]) if self.in_containers else ports

    @property
    def listen(self) -> str:
        """The address on which each part listens."""
        return ANY if self.in_containers else LOOPBACK

    def host(self, part: str) -> str:
        """The host of a part: loopback, or the name of its container, which all app instances share."""
        if not self.in_containers:
            return LOOPBACK
        return APP if part in self.app_instances else _CONTAINERS.get(part, part.removesuffix("-status"))

    def address(self, part: str) -> str:
        """HOST:PORT of a part."""
        return f"{self.host(part)}:{self.ports[part]}"

    @property
    def ports_span(self) -> int:
        """The number of ports from the base port that belong to the stack."""
        return FIRST_OF_SEVERAL + sum(1 for _ in self._several())

    def _several(self) -> Iterator[str]:
        yield from self.nginx_instances
        yield from (f"{name}-status" for name in self.nginx_instances)
        yield from self.app_instances
        yield from self.primary_instances
        yield from self.replica_instances
        yield from self.memcached_instances

    @property
    def nginx_instances(self) -> tuple[str, ...]:
        """nginx-1, nginx-2, …"""
        return _numbered("nginx", self.nginx)

    @property
    def app_instances(self) -> tuple[str, ...]:
        """app-1, app-2, …"""
        return _numbered("app", self.app)

    @property
    def primary_instances(self) -> tuple[str, ...]:
        """postgres-1, postgres-2, …"""
        return _numbered("postgres", self.primaries)

    @property
    def replica_instances(self) -> tuple[str, ...]:
        """postgres-1-replica, …, in the order of their primaries."""
        return tuple(f"{name}-replica" for name in self.primary_instances)

    @property
    def database_servers(self) -> tuple[str, ...]:
        """Every primary, then every replica."""
        return (*self.primary_instances, *self.replica_instances)

    @property
    def memcached_instances(self) -> tuple[str, ...]:
        """memcached-1, memcached-2, …"""
        return _numbered("memcached", self.memcached)


def _numbered(kind: str, count: int) -> tuple[str, ...]:
    return tuple(f"{kind}-{number}" for number in range(1, count + 1))


def known() -> list[str]:
    """The names of the built-in topologies."""
    return sorted(file.stem for file in TOPOLOGIES.glob("*.toml"))


def named(name: str, base_port: int = DEFAULT_BASE_PORT) -> Topology:
    """The topology of this name, or in this .toml file, on these ports; UsageError names the wrong key."""
    path = Path(name) if name.endswith(".toml") else TOPOLOGIES / f"{name}.toml"
    try:
        text = path.read_text()
    except OSError as error:
        if path.parent == TOPOLOGIES:
            raise UsageError(f"unknown topology {name!r}, known: {', '.join(known())}; or a .toml file") from error
        raise UsageError(f"{path}: {error.strerror}") from error
    return replace(parse(text, str(path)), base_port=base_port)


class _Workers(Struct, frozen=True, forbid_unknown_fields=True):
    push: Count
    fanout: Count
    thumbnails: Count
    share: Count


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    nginx: Count
    app: Count
    app_threads: Count
    primaries: Count
    logical_shards: Annotated[int, Meta(ge=1, le=MOST_SHARDS)]
    memcached: Count
    media_map_entries: Count
    scrape_interval_s: Count
    workers: _Workers


def parse(text: str, where: str) -> Topology:
    """A topology from TOML; UsageError names `where` and the key that is wrong."""
    try:
        content = msgspec.toml.decode(text, type=_File)
    except msgspec.MsgspecError as error:
        raise UsageError(f"{where}: {error}") from error
    if content.logical_shards < content.primaries:
        raise UsageError(
            f"{where}: logical_shards: {content.logical_shards} logical shards cannot be spread "
            f"over {content.primaries} primaries"
        )
    return Topology(
        name=Path(where).stem, **msgspec.structs.asdict(content) | {"workers": msgspec.structs.asdict(content.workers)}
    )
