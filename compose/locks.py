"""Locks of folders, and the handling of interrupts while a stack starts and stops."""

import contextlib
import fcntl
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from compose.errors import StackError


@contextlib.contextmanager
def exclusive(folder: Path, refusal: StackError | None = None) -> Iterator[None]:
    """Hold a folder's lock. When another process holds it: wait, or raise `refusal` where there is one."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (fcntl.LOCK_NB if refusal else 0))
        except BlockingIOError as error:
            raise refusal or error from error
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """SIGINT and SIGTERM raise KeyboardInterrupt until the yielded function is called, then they are ignored.

    In a thread other than the main one this changes nothing: Python delivers signals to the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    def set_both(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, handler)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    set_both(interrupt)
    try:
        yield lambda: set_both(signal.SIG_IGN)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
