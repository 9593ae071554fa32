"""One front for all tests of this folder."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from compose.errors import StackError
from compose.haproxy.runtime import Balancer
from compose.layout import Layout, choose
from compose.local import startup
from compose.topology import Topology, named
from tests.compose.front.fronts import Front, front
from tests.ports import base_ports
from tests.servers import wait_until


def free_topology() -> Topology:
    """On ports below the range from which clients' own come, all of them free."""
    for candidate in base_ports():
        topology = named("small", candidate)
        with contextlib.suppress(StackError):
            startup.check_ports(topology)
            return topology
    raise AssertionError("no free range of ports")


@contextlib.contextmanager
def servers_layout() -> Iterator[Layout]:
    """A layout in a place that the servers' user may enter."""
    with tempfile.TemporaryDirectory(prefix="likestorm-tests-") as name:
        Path(name).chmod(0o755)
        yield choose(Path(name), "disk")


@pytest.fixture(scope="package")
def web() -> Iterator[Front]:
    """Balancer, two nginx, two app servers; a test that stops one starts it again.

    Not for the whole session: tests of other folders that run alone have the machine to themselves.
    """
    topology = free_topology()
    with servers_layout() as layout, front(topology, layout) as running:
        running.start(*topology.app_instances, *topology.nginx_instances, "front")
        balancer = Balancer(layout.folder("front"))
        wait_until(lambda: all(server.is_healthy for server in balancer.servers().values()), what="every nginx healthy")
        yield running
