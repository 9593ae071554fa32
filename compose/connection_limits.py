"""The connection limits of each part, consistent from the app's threads to PostgreSQL."""

import resource
from dataclasses import dataclass
from pathlib import Path

from compose.errors import StackError
from compose.topology import Topology

# With more connections a server's cores are the limit.
MOST_SERVER_CONNECTIONS = 20
LEAST_SERVER_CONNECTIONS = 4
# PostgreSQL's own for superusers, and those of the exporter, the probes and a person.
RESERVED_CONNECTIONS = 10
# Files that a server opens beside its connections.
OTHER_FILES = 128
_LOCAL_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")


@dataclass(frozen=True)
class Limits:
    """The limits of one topology's parts.

    app_pool, worker_pool: connections of one process to one database. client_connections: what PgBouncer accepts.
    server_pool: PgBouncer's connections to one server, max_connections: what that server accepts. Sizes in MB, for
    one server. max_files: the highest number of any part.
    """

    app_pool: int
    worker_pool: int
    client_connections: int
    server_pool: int
    max_connections: int
    shared_buffers_mb: int
    max_wal_mb: int
    wal_keep_mb: int
    redis_clients: int
    memcached_connections: int
    max_files: int


def plan(topology: Topology) -> Limits:
    """The limits that follow from the topology's counts."""
    servers = 2 * topology.primaries
    threads, workers = topology.app * topology.app_threads, sum(topology.workers.values())
    # A thread has one connection at a time. They spread over the primaries, evenly in the long run only.
    busy = -(-2 * (threads + workers) // topology.primaries)
    server_pool = max(LEAST_SERVER_CONNECTIONS, min(busy, threads + workers, MOST_SERVER_CONNECTIONS))
    app_pool, worker_pool = topology.app_threads, 1
    # One app instance more, for commands such as seed.
    clients = ((topology.app + 1) * app_pool + workers * worker_pool) * servers + RESERVED_CONNECTIONS
    redis_clients = 2 * threads + 4 * workers + OTHER_FILES
    return Limits(
        app_pool=app_pool,
        worker_pool=worker_pool,
        client_connections=clients,
        server_pool=server_pool,
        max_connections=server_pool + RESERVED_CONNECTIONS,
        shared_buffers_mb=max(32, 128 // topology.primaries),
        max_wal_mb=max(64, 1024 // topology.primaries),
        wal_keep_mb=max(32, 256 // topology.primaries),
        redis_clients=redis_clients,
        memcached_connections=2 * threads + 2 * workers + OTHER_FILES,
        max_files=max(clients + servers * server_pool, redis_clients) + OTHER_FILES,
    )


def check(topology: Topology, files_limit: int | None = None, local_ports: int | None = None) -> None:
    """StackError with the numbers when this machine is too small for the topology.

    files_limit: open files a process. local_ports: connections to one address. Both default to the machine's.
    """
    limits = plan(topology)
    files_limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1] if files_limit is None else files_limit
    local_ports = _count_local_ports() if local_ports is None else local_ports
    servers = 2 * topology.primaries
    clients = (
        f"topology {topology.name}: {topology.app} app instances of {topology.app_threads} threads and "
        f"{sum(topology.workers.values())} workers may open {limits.client_connections} connections to PgBouncer "
        f"for {servers} databases"
    )
    if limits.client_connections > local_ports:
        raise StackError(f"{clients}, but there are {local_ports} local ports")
    if files_limit != resource.RLIM_INFINITY and limits.max_files > files_limit:
        raise StackError(f"{clients}, which takes {limits.max_files} open files, but the limit is {files_limit}")


def _count_local_ports() -> int:
    first, last = _LOCAL_PORTS.read_text().split()
    return int(last) - int(first) + 1
