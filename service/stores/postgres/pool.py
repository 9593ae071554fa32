"""Connections to PostgreSQL, pooled by server, with a deadline for every statement.

They go through PgBouncer in transaction mode, so nothing may live in a session: no prepared statements, and every
operation is one autocommitted statement.
"""

import select
from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import Any, Self, TypeVar

import psycopg
from psycopg import abc
from psycopg.abc import PQGen
from psycopg.adapt import PyFormat, Transformer
from psycopg.generators import execute
from psycopg.pq import ExecStatus, TransactionStatus

from service.stores.breaker import Breaker

Row = tuple[Any, ...]
RV = TypeVar("RV")


TOLERANCE = 3
"""How many statements wait in vain before their server is left alone: one may just wait for a lock on its shard."""


class NotConnectedError(Exception):
    """No connection to a server could be had; nothing was sent."""


class DeadlineConnection(psycopg.Connection[Row]):
    """A connection that gives up on a silent server after `deadline` seconds.

    statement_timeout would not do: a server that is stopped obeys no timeout of its own.
    """

    deadline: float | None = None
    _values: abc.Transformer
    """Between Python and PostgreSQL, for every statement; a new one each time would look everything up again."""
    _farewell: select.poll

    @classmethod
    def to(cls, url: str, timeout: float) -> Self:
        """A new connection; its statements have their parameters as $1, $2, …"""
        connection = cls.connect(
            url,
            autocommit=True,
            prepare_threshold=None,
            connect_timeout=max(2, round(timeout)),
            cursor_factory=psycopg.RawCursor,
        )
        connection.deadline = timeout
        connection._values = Transformer(connection)
        connection._farewell = select.poll()
        connection._farewell.register(connection.fileno(), select.POLLIN)
        return connection

    def ask(self, statement: bytes, parameters: Sequence[object]) -> list[Row]:
        """The rows that one statement returns; psycopg's own errors.

        As psycopg's cursor would do it, without what prepared statements, transactions and pipelines need.
        """
        values = self._values
        given = values.dump_sequence(parameters, [PyFormat.AUTO] * len(parameters))
        self.pgconn.send_query_params(statement, given, values.types, values.formats)
        result = self.wait(execute(self.pgconn))[-1]
        if result.status != ExecStatus.TUPLES_OK:
            raise psycopg.errors.error_from_result(result)
        values.set_pgresult(result)
        return values.load_rows(0, result.ntuples, tuple)

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Wait for an answer; OperationalError after the deadline, and then the connection is closed."""
        try:
            return super().wait(gen, interval, self.deadline if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                # The answer may still come: nobody must get it as the answer to another question.
                self.pgconn.finish()
            raise

    @property
    def usable(self) -> bool:
        """Whether it waits for a statement, and the server has not hung up meanwhile."""
        # Nothing was asked: whatever there is to read is the server's farewell.
        return self.is_idle and not self._farewell.poll(0)

    @property
    def is_idle(self) -> bool:
        """Whether it is open and waits for a statement."""
        return self.pgconn.transaction_status == TransactionStatus.IDLE


class Pool:
    """Up to `size` connections to one server, made when they are needed and kept.

    It has no threads of its own: with psycopg_pool's two or more for each of 24 servers in each of 225 processes a
    machine would hold ten thousand. `on_wait` gets the seconds for which each caller waited for a connection.
    """

    def __init__(self, url: str, size: int, timeout: float, on_wait: Callable[[float], None]) -> None:
        self._url = url
        self._timeout = timeout
        self._on_wait = on_wait
        # A semaphore would do, but Python's is made of a dozen calls.
        self._slots: SimpleQueue[None] = SimpleQueue()
        for _ in range(size):
            self._slots.put(None)
        self._breaker = Breaker(timeout, tolerance=TOLERANCE)
        self._idle: deque[DeadlineConnection] = deque()
        self._closed = False

    def run(self, statement: bytes, parameters: Sequence[object]) -> list[Row]:
        """What one statement returns; NotConnectedError or psycopg's own errors."""
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

    def _execute(self, statement: bytes, parameters: Sequence[object]) -> list[Row]:
        connection = self._borrow()
        try:
            return connection.ask(statement, parameters)
        finally:
            self._give_back(connection)

    def close(self) -> None:
        """Close what is idle now, and what is in use when it is given back."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _borrow(self) -> DeadlineConnection:
        started = perf_counter()
        try:
            try:
                self._slots.get(timeout=self._timeout)
            except Empty:
                raise NotConnectedError(f"all connections were busy for {self._timeout:g} s") from None
            try:
                return self._take()
            except BaseException:
                self._slots.put(None)
                raise
        finally:
            self._on_wait(perf_counter() - started)

    def _take(self) -> DeadlineConnection:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                break
            if connection.usable:
                return connection
            connection.close()
        try:
            return DeadlineConnection.to(self._url, self._timeout)
        except psycopg.Error as error:
            raise NotConnectedError(str(error)) from error

    def _give_back(self, connection: DeadlineConnection) -> None:
        try:
            if self._closed or not connection.is_idle:
                connection.close()
            else:
                self._idle.append(connection)
        finally:
            self._slots.put(None)
