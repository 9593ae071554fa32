"""Whatever keeps data, and PgBouncer, which stands before the databases."""

import sys
from collections.abc import Mapping

from compose.connection_limits import plan
from compose.credentials import REGION, Credentials
from compose.layout import Layout
from compose.parts import Part
from compose.topology import Topology

MEMCACHED_MB = 64


def ending_last(topology: Topology) -> frozenset[str]:
    """Who is asked by the others: they end in good order only while it is there."""
    servers = (*topology.primary_instances, *topology.replica_instances)
    return frozenset({*servers, *topology.memcached_instances, "pgbouncer", "redis", "store", "fakes"})


def list_stores(
    topology: Topology, layout: Layout, credentials: Credentials, programs: Mapping[str, str]
) -> tuple[Part, ...]:
    """All that must answer before there can be a schema, and the pooler."""
    servers = (*topology.primary_instances, *topology.replica_instances)
    return (
        *(_postgres(name, layout, programs) for name in servers),
        Part("redis", "stores", (programs["redis"], f"{layout.folder('redis')}/redis.conf"), layout.user),
        *(_memcached(name, topology, layout, programs) for name in topology.memcached_instances),
        _objects(topology, layout, credentials, programs),
        Part("pgbouncer", "pool", (programs["pgbouncer"], f"{layout.folder('pgbouncer')}/pgbouncer.ini"), layout.user),
    )  # fmt: skip


def _objects(topology: Topology, layout: Layout, credentials: Credentials, programs: Mapping[str, str]) -> Part:
    # What lies in memory elsewhere lies in the page cache here: as fast, as safe, and the kernel can give it back.
    unsynced = () if layout.storage == "disk" else (programs["eatmydata"],)
    return Part(
        "store", "stores",
        (*unsynced, sys.executable, "-m", "nanio", "serve", "--host", topology.listen,
         "--port", str(topology.ports["store"]), "--data-dir", str(layout.objects), "--region", REGION,
         "--workers", "1", "--no-access-log", "--log-level", "warning"),
        environment={"NANIO_ACCESS_KEY": credentials.store_access, "NANIO_SECRET_KEY": credentials.store_secret},
    )  # fmt: skip


def _postgres(name: str, layout: Layout, programs: Mapping[str, str]) -> Part:
    folder = layout.folder(name)
    unsynced = ("-c", "fsync=off") if layout.storage == "unsynced" else ()
    return Part(
        name, "stores",
        (programs["postgres"], "-D", f"{layout.writable(name)}/data", "-c", f"config_file={folder}/postgresql.conf",
         "-c", f"hba_file={folder}/pg_hba.conf", *unsynced),
        # SIGINT ends PostgreSQL's sessions and stops it; SIGTERM would wait for the clients to leave.
        layout.user, stop_signal="INT",
    )  # fmt: skip


def _memcached(name: str, topology: Topology, layout: Layout, programs: Mapping[str, str]) -> Part:
    return Part(
        name, "stores",
        (programs["memcached"], "-l", topology.listen, "-p", str(topology.ports[name]), "-U", "0",
         "-m", str(MEMCACHED_MB), "-t", "2", "-c", str(plan(topology).memcached_connections)),
        layout.user,
    )  # fmt: skip
