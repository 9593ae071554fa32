"""Faults of a running stack: context managers that break one thing, and mend it at their end."""

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager

import psycopg
from redis import RedisError

from compose.errors import StackError


class FaultError(StackError):
    """A fault cannot be made or undone; the message is one line that says why."""


FAILURES = (OSError, StackError, psycopg.Error, RedisError, subprocess.SubprocessError)
"""Errors with which a fault may end when it cannot be made or undone; those of requests are OSErrors."""


@contextmanager
def repeated(fault: Callable[[], AbstractContextManager[None]], held_s: float, every_s: float) -> Iterator[None]:
    """Hold a fault for held_s, once every every_s, while the block lasts; raises the fault's error after the block."""
    is_over = threading.Event()

    def repeat() -> None:
        while not is_over.is_set():
            began = time.monotonic()
            with fault():
                is_over.wait(held_s)
            is_over.wait(max(0.0, began + every_s - time.monotonic()))

    with ThreadPoolExecutor(1) as thread:
        repeating = thread.submit(repeat)
        try:
            yield
        finally:
            is_over.set()
        repeating.result()
