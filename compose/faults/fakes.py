"""The fakes of the outside world, told to fail."""

from collections.abc import Iterator
from contextlib import contextmanager

import requests

from compose.local import Target
from compose.topology import LOOPBACK

_TIMEOUT_S = 5.0


@contextmanager
def push_failing(target: Target, /, **fault: object) -> Iterator[None]:
    """The push service fails as the fields of fakes.faults.Fault say."""
    address = f"http://{LOOPBACK}:{target.topology.ports['fakes']}/faults"
    requests.post(address, json={"fake": "push", **fault}, timeout=_TIMEOUT_S).raise_for_status()
    try:
        yield
    finally:
        requests.delete(address, timeout=_TIMEOUT_S).raise_for_status()
