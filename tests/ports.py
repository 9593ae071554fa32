"""Base ports for whole stacks, apart from those of the other processes that share the tests."""

import os
import random
import socket
from collections.abc import Iterator

ATTEMPTS = 50
MOST_PROCESSES = 8
SPAN = 100


def base_ports() -> Iterator[int]:
    """Random candidates below the range from which clients' own ports come; each has SPAN ports for itself."""
    # pytest-xdist calls its processes gw0, gw1, …
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % MOST_PROCESSES
    for _ in range(ATTEMPTS):
        yield random.randrange(11000 + SPAN * number, 30000, SPAN * MOST_PROCESSES)


def free_port() -> int:
    """A port of loopback that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
