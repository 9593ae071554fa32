"""What the tests of compose share: free ports, patience, and parts that stand for real ones."""

import contextlib
import socket
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from compose import boot
from compose.layout import Layout
from compose.supervision import MARK
from compose.topology import named


def check_free(base_port: int) -> None:
    """StackError when one of the ports of two stacks from here on is taken."""
    boot.check_ports(named("small", base_port))
    boot.check_ports(named("small", base_port + 50))


def await_true(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Return as soon as the condition holds; AssertionError when it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def list_processes(state: Path) -> list[psutil.Process]:
    """Every process with this stack's mark."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == str(state) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def make_layout(state: Path) -> Layout:
    """A layout whose servers run as whoever runs the tests."""
    layout = Layout(state, state / "run", None)
    layout.make()
    layout.make_folder("supervisor", None)
    return layout


def is_listening(port: int) -> bool:
    """Whether somebody accepts connections on the port."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
