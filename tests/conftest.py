"""Fixtures that several test folders share: the backing stores, started once a session."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import Servers, all_servers, create_database, drop_database, replica, write_shard_map

DEAR = ("stack", "web")
"""Fixtures of a whole session that take seconds to start: one process has all the tests of each."""


# Before pytest-xdist's own hook, which reads the groups.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where several processes share the tests, a file stays together, and so does everybody who needs the stack."""
    for item in items:
        needed = getattr(item, "fixturenames", ())
        dear = next((name for name in DEAR if name in needed), None)
        item.add_marker(pytest.mark.xdist_group(dear or str(item.path.relative_to(item.config.rootpath))))


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
