"""One whole stack for all tests of this folder, and what is needed to start smaller ones."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from compose import local
from compose.local import Target
from compose.topology import Topology, named
from tests.compose.stacks import free_range, is_listening, list_processes


@pytest.fixture(scope="session")
def base_port() -> int:
    """A base port with nobody on any of its ports."""
    return free_range()


@pytest.fixture
def topology(base_port: int) -> Topology:
    """A topology for tests that start nothing, or parts on ports beside the whole stack's."""
    return named("small", base_port + 50)


@pytest.fixture
def state() -> Iterator[Path]:
    """A state directory that the servers' user may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="likestorm-tests-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="package")
def stack(base_port: int) -> Iterator[Target]:
    """The whole stack; when it has gone, nothing of it may be left.

    Not for the whole session: it takes a good part of a core, also when nobody asks it for anything.
    """
    with tempfile.TemporaryDirectory(prefix="likestorm-tests-") as name:
        Path(name).chmod(0o755)
        with local.up(named("small", base_port), state=Path(name)) as target:
            ports = target.topology.ports
            yield target
        assert [entry.name for entry in Path(name).iterdir()] == ["logs"]
        assert list_processes(Path(name)) == []
    assert not any(is_listening(port) for port in ports.values())
