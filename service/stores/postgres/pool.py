"""Connections to one PostgreSQL server, with a deadline for every statement.

The connections go through PgBouncer in transaction mode, so nothing may live in a session: no prepared statements, and
every operation is one autocommitted statement.
"""

import os
import select
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, LifoQueue
from time import perf_counter
from typing import Any

import psycopg

from service.stores.breaker import Breaker
from service.stores.postgres.deadlines import Deadlines

Row = tuple[Any, ...]

TOLERANCE = 3
"""How many statements in a row must miss the deadline before the server counts as hung: one may wait for a lock."""


class NotConnectedError(Exception):
    """No connection to a server could be had; nothing was sent."""


class Connection:
    """One psycopg connection; `line` is a second handle of its socket, for Deadlines."""

    def __init__(self, url: str, timeout: float) -> None:
        self._connection = psycopg.connect(
            url,
            autocommit=True,
            prepare_threshold=None,
            connect_timeout=max(2, round(timeout)),
            cursor_factory=psycopg.RawCursor,
        )
        self.line = socket.socket(fileno=os.dup(self._connection.fileno()))
        self._poll = select.poll()
        self._poll.register(self.line, select.POLLIN)

    def execute(self, statement: bytes, parameters: Sequence[object]) -> list[Row]:
        """The rows that one statement returns; psycopg's own errors."""
        return self._connection.execute(statement, parameters).fetchall()

    @property
    def usable(self) -> bool:
        """Whether the connection is open at both ends; between statements a server sends only its farewell."""
        return not self._connection.closed and not self._poll.poll(0)

    def close(self) -> None:
        """Close both handles."""
        self._connection.close()
        self.line.close()


class Pool:
    """Up to `size` connections to one server, made when they are needed and kept.

    Own code, because psycopg_pool starts two threads or more for each pool: 225 processes on 24 databases would hold
    ten thousand. `timeout` in seconds, for each statement and for the wait for a connection; `on_wait` gets the
    seconds for which each caller waited for a connection.
    """

    def __init__(
        self, url: str, size: int, timeout: float, deadlines: Deadlines, on_wait: Callable[[float], None]
    ) -> None:
        self._url = url
        self._timeout = timeout
        self._deadlines = deadlines
        self._on_wait = on_wait
        self._breaker = Breaker(timeout, tolerance=TOLERANCE)
        # The connection that was used last comes first; None stands for one that is still to be made.
        self._slots: LifoQueue[Connection | None] = LifoQueue()
        for _ in range(size):
            self._slots.put(None)
        self._closed = False

    def run(self, statement: bytes, parameters: Sequence[object] = ()) -> list[Row]:
        """The rows of one statement with parameters $1, $2, …; NotConnectedError or psycopg's own errors."""
        if not self._breaker.admits():
            raise NotConnectedError("the server did not answer lately")
        started = perf_counter()
        try:
            rows = self._execute(statement, parameters)
        except (psycopg.OperationalError, NotConnectedError):
            self._breaker.note_failure(perf_counter() - started)
            raise
        except psycopg.Error:
            self._breaker.note_success()
            raise
        self._breaker.note_success()
        return rows

    def close(self) -> None:
        """Close idle connections now and the others when their statements end."""
        self._closed = True
        idle: list[Connection | None] = []
        with suppress(Empty):
            while True:
                idle.append(self._slots.get_nowait())
        for connection in idle:
            self._give_back(connection)

    def _execute(self, statement: bytes, parameters: Sequence[object]) -> list[Row]:
        connection = self._borrow()
        try:
            with self._deadlines.limit(connection.line, self._timeout):
                return connection.execute(statement, parameters)
        finally:
            self._give_back(connection)

    def _borrow(self) -> Connection:
        started = perf_counter()
        try:
            kept = self._slots.get(timeout=self._timeout)
        except Empty:
            raise NotConnectedError(f"all connections were busy for {self._timeout:g} s") from None
        else:
            return self._revive(kept)
        finally:
            self._on_wait(perf_counter() - started)

    def _revive(self, kept: Connection | None) -> Connection:
        """The kept connection, or a new one where there is none or the server has closed it."""
        if kept is not None:
            if kept.usable:
                return kept
            kept.close()
        try:
            return Connection(self._url, self._timeout)
        except BaseException as error:
            self._slots.put(None)
            if isinstance(error, psycopg.Error):
                raise NotConnectedError(str(error)) from error
            raise

    def _give_back(self, connection: Connection | None) -> None:
        if self._closed and connection is not None:
            connection.close()
            connection = None
        self._slots.put(connection)
