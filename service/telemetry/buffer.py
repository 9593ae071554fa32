"""Observations that wait in plain lists to be counted, so that noting one is no more than an append.

Counting takes a lock, the search for a bucket and two writes to a file. Done within a request, nothing of it is in the
processor's caches any more, and it costs many times what it does for some hundred observations in a row. So a thread
counts what has come together, a few times a second.
"""

import atexit
import logging
from collections.abc import Callable
from threading import Event, Lock, Thread
from typing import Any, TypeVar

Observation = TypeVar("Observation")

INTERVAL_S = 0.25
"""For so long an observation may wait; a process that is killed takes those of this time with it."""


class Buffer:
    """What waits in this process; it is counted until `close`, or until the interpreter ends."""

    def __init__(self) -> None:
        self._held: list[tuple[list[Any], Callable[[list[Any]], None]]] = []
        self._watched: list[Callable[[], None]] = []
        self._counting = Lock()
        self._ended = Event()
        self._thread = Thread(target=self._run, name="metrics", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def hold(self, count: Callable[[list[Observation]], None]) -> Callable[[Observation], None]:
        """What notes an observation; `count` gets all that have come together, at least one."""
        held: list[Observation] = []
        self._held.append((held, count))
        return held.append

    def watch(self, look: Callable[[], None]) -> None:
        """Have this called whenever observations are counted."""
        self._watched.append(look)

    def count(self) -> None:
        """Count what waits."""
        with self._counting:
            for look in self._watched:
                look()
            # Others may append to all of these lists meanwhile.
            for held, count in tuple(self._held):
                number = len(held)
                if number:
                    noted = held[:number]
                    del held[:number]
                    try:
                        count(noted)
                    except Exception:
                        # Nobody waits for this thread: were it to end, all metrics would stand still and say nothing.
                        logging.getLogger(__name__).exception("%d observations could not be counted", number)

    def close(self) -> None:
        """Count what waits, and no more from now on."""
        atexit.unregister(self.close)
        self._ended.set()
        self._thread.join()
        self.count()

    def _run(self) -> None:
        while not self._ended.wait(INTERVAL_S):
            self.count()
