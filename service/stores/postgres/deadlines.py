"""The client's own deadline for statements, enforced by one thread for all pools of a process."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Lock, Thread
from time import monotonic, sleep

import psycopg

TICK_S = 0.05
"""A statement may overrun its deadline by this much."""


class Deadlines:
    """Shuts the socket of a statement that is not answered in time.

    PostgreSQL's statement_timeout does not help against a server that is stopped (SIGSTOP), because such a server
    obeys no timeout of its own, and psycopg's blocking calls have none. The thread sleeps while no statement runs.
    """

    def __init__(self) -> None:
        self._running: dict[socket.socket, float] = {}
        self._lock = Lock()
        self._started = Event()
        self._closed = False
        Thread(target=self._watch, name="statement deadlines", daemon=True).start()

    @contextmanager
    def limit(self, line: socket.socket, seconds: float) -> Iterator[None]:
        """Bound what runs inside on the connection of `line`; psycopg.OperationalError after `seconds`."""
        deadline = monotonic() + seconds
        with self._lock:
            self._running[line] = deadline
        # Event.set() takes a lock and wakes the thread: only for the first statement after a pause.
        if not self._started.is_set():
            self._started.set()
        try:
            yield
        except psycopg.OperationalError as error:
            if monotonic() >= deadline:
                raise psycopg.OperationalError(f"no answer within {seconds:g} s") from error
            raise
        finally:
            with self._lock:
                self._running.pop(line, None)

    def close(self) -> None:
        """End the thread."""
        self._closed = True
        self._started.set()

    def _watch(self) -> None:
        while not self._closed:
            self._started.wait()
            self._started.clear()
            while self._running:
                with self._lock:
                    self._cut(monotonic())
                sleep(TICK_S)

    def _cut(self, now: float) -> None:
        for line in [line for line, deadline in self._running.items() if deadline <= now]:
            del self._running[line]
            # The server may have closed the connection meanwhile.
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
