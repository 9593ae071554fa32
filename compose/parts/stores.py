"""The stores: PostgreSQL with PgBouncer before it, Redis, memcached, and the object store."""

import sys
from collections.abc import Mapping
from pathlib import Path

from compose.connection_limits import plan
from compose.credentials import BUCKET, REGION, Credentials
from compose.layout import Layout
from compose.parts import Part
from compose.topology import Topology

MEMCACHED_MB = 64


def ending_last(topology: Topology) -> frozenset[str]:
    """Parts that other parts talk to while they end."""
    kept = {"pgbouncer", "redis", "store", "fakes"}
    return frozenset({*topology.database_servers, *topology.memcached_instances, *kept})


def list_stores(
    topology: Topology, layout: Layout, credentials: Credentials, programs: Mapping[str, str]
) -> tuple[Part, ...]:
    """The parts that must answer before there can be a schema."""
    return (
        *(_postgres(name, layout, programs) for name in topology.database_servers),
        Part("redis", "stores", (programs["redis"], f"{layout.folder('redis')}/redis.conf"), layout.user),
        *(_memcached(name, topology, layout, programs) for name in topology.memcached_instances),
        _objects(topology, layout, credentials, programs),
        Part("pgbouncer", "pool", (programs["pgbouncer"], f"{layout.folder('pgbouncer')}/pgbouncer.ini"), layout.user),
    )  # fmt: skip


def redis_url(topology: Topology, credentials: Credentials) -> str:
    """Redis, with the password."""
    return f"redis://:{credentials.redis}@{topology.address('redis')}/0"


def store_settings(topology: Topology, credentials: Credentials) -> dict[str, str]:
    """The service's variables for the object store."""
    return {
        "LIKESTORM_S3_ENDPOINT": f"http://{topology.address('store')}",
        "LIKESTORM_S3_BUCKET": BUCKET,
        "LIKESTORM_S3_REGION": REGION,
        "LIKESTORM_S3_ACCESS_KEY": credentials.store_access,
        "LIKESTORM_S3_SECRET_KEY": credentials.store_secret,
    }


def make_bucket(data: Path) -> None:
    """Make the store's folder and bucket by nanio's own code: the service is ready only when its bucket exists."""
    from nanio.storage.filesystem import FilesystemStorage  # type: ignore[import-untyped]

    data.mkdir()
    FilesystemStorage(data).create_bucket(BUCKET)


def _objects(topology: Topology, layout: Layout, credentials: Credentials, programs: Mapping[str, str]) -> Part:
    # Where the other stores' data is in memory, photos stay in the page cache: as fast, and the kernel can free it.
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
