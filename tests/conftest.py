"""Fixtures that several test folders share: the backing stores, started once a session."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import Servers, all_servers


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """PostgreSQL behind PgBouncer, Redis, memcached and an object store, all empty at the start."""
    # Not under pytest's own directory: the user that PostgreSQL runs as may not enter it.
    with tempfile.TemporaryDirectory(prefix="likestorm-tests-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        with all_servers(directory) as running:
            yield running
