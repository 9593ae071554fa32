"""How many of each part run, what they are called, and which loopback port each one has."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from compose.errors import UsageError

DEFAULT_BASE_PORT = 8400

# Distance of each part's port from the base port. App instances follow from FIRST_APP on, one port each.
OFFSETS: Mapping[str, int] = MappingProxyType(
    {
        "nginx": 0,  # what clients talk to
        "nginx-status": 1,  # nginx's own counters
        "supervisor": 2,
        "prometheus": 3,
        "pgbouncer": 4,
        "postgres": 5,
        "redis": 6,
        "memcached": 7,
        "store": 8,
        "collectors": 9,
        "exporter-node": 10,
        "exporter-postgres": 11,
        "exporter-redis": 12,
        "exporter-nginx": 13,
        "exporter-process": 14,
    }
)
FIRST_APP = 20
LOWEST_BASE_PORT, HIGHEST_BASE_PORT = 1024, 60000


@dataclass(frozen=True)
class Topology:
    """One shape of the stack; `workers` maps a queue to its number of worker processes."""

    name: str
    app: int
    app_threads: int
    workers: Mapping[str, int]
    base_port: int = DEFAULT_BASE_PORT

    def __post_init__(self) -> None:
        if not LOWEST_BASE_PORT <= self.base_port <= HIGHEST_BASE_PORT:
            raise UsageError(
                f"base port {self.base_port} is not between {LOWEST_BASE_PORT} and {HIGHEST_BASE_PORT} (BASE_PORT=)"
            )

    @property
    def ports(self) -> Mapping[str, int]:
        """Every port that the stack opens, by part; nginx's second one is called nginx-status."""
        offsets = dict(OFFSETS) | {name: FIRST_APP + index for index, name in enumerate(self.app_instances)}
        return {name: self.base_port + offset for name, offset in offsets.items()}

    @property
    def app_instances(self) -> tuple[str, ...]:
        """app-1, app-2, …"""
        return tuple(f"app-{number}" for number in range(1, self.app + 1))

    @property
    def worker_instances(self) -> Mapping[str, str]:
        """The queue of each worker process: worker-thumbnails-1 → thumbnails, …"""
        return {
            f"worker-{queue}-{number}": queue for queue, count in self.workers.items() for number in range(1, count + 1)
        }


# Fits 2 cores beside the load generator.
SMALL = Topology("small", app=2, app_threads=8, workers={"thumbnails": 2})
TOPOLOGIES: Mapping[str, Topology] = MappingProxyType({SMALL.name: SMALL})


def named(name: str, base_port: int = DEFAULT_BASE_PORT) -> Topology:
    """The topology of that name on these ports; UsageError lists the known names or says how the port is wrong."""
    if name not in TOPOLOGIES:
        raise UsageError(f"unknown topology {name!r}, known: {', '.join(TOPOLOGIES)}")
    return replace(TOPOLOGIES[name], base_port=base_port)
