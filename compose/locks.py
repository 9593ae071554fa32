"""What surrounds the start of a stack: nobody else starts one meanwhile, and an interrupt takes it down in order."""

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
def alone(state: Path) -> Iterator[None]:
    """Nobody else starts a stack from this state directory meanwhile."""
    state.mkdir(parents=True, exist_ok=True)
    folder = os.open(state, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StackError(f"somebody else is running or starting a stack from {state}") from error
        yield
    finally:
        os.close(folder)


@contextlib.contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """SIGINT and SIGTERM raise KeyboardInterrupt until the function that is yielded is called, then do nothing.

    Python delivers signals to the main thread; in another one this changes nothing.
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
