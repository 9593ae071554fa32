"""Fixtures that several test folders share: the backing stores, started once a session."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import sharing
from tests.servers import Servers, all_servers, create_database, drop_database, replica, write_shard_map


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> sharing.Together:
    return sharing.scheduler(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        sharing.longest_first(items)


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Two primaries behind PgBouncer, Redis, two memcached and an object store, all empty at the start."""
    # Not under pytest's own directory: the user that PostgreSQL runs as may not enter it.
    with tempfile.TemporaryDirectory(prefix="likestorm-tests-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        with all_servers(directory) as running:
            yield running


@pytest.fixture(scope="session")
def replica_base(servers: Servers) -> Iterator[str]:
    """A streaming replica of the primaries: what to put before /DATABASE."""
    with replica(servers.directory / "replica", servers.postgres_urls[0]) as base:
        yield base


@pytest.fixture
def fresh_shards(servers: Servers, tmp_path: Path) -> Iterator[Path]:
    """A shard map of two primaries without any table, for this test alone."""
    names = ("fresh_1", "fresh_2")
    for name in names:
        create_database(servers.postgres_urls[0], name)
    yield write_shard_map(tmp_path / "shards.json", [servers.pooled(name) for name in names])
    for name in names:
        drop_database(servers.postgres_urls[0], name)
