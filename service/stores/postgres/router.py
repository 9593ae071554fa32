"""Routes each statement to the server that has its logical shard, also after a shard has moved."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from time import monotonic, sleep
from typing import LiteralString, TypeVar

import psycopg
from psycopg import errors

from service.domain.errors import UnavailableError
from service.stores.postgres.deadlines import Deadlines
from service.stores.postgres.pool import NotConnectedError, Pool, Row
from service.stores.postgres.shard_map import MapFile, ShardMap

T = TypeVar("T")

REPLICA_PAUSE_S = 5.0
"""For how long a replica that failed is left alone."""
_REPLICA_PATIENCE = 0.25
"""A replica's deadline as a share of the primary's, because the primary is asked after a replica has failed."""
_POLL_S = 0.005

_MOVED = (errors.UndefinedTable, errors.InvalidSchemaName)
_TROUBLE = (psycopg.OperationalError, psycopg.InterfaceError, NotConnectedError)
_HARMLESS = (*_MOVED, errors.ReadOnlySqlTransaction, NotConnectedError)
"""What a statement that did nothing fails with: it may be repeated on another server."""


def schema(shard: int) -> str:
    """The name of a logical shard's schema."""
    return f"shard_{shard:04}"


@cache
def _fill(statement: LiteralString, shard: int) -> str:
    return statement.replace("{shard}", schema(shard))


@cache
def _encoded(statement: LiteralString, shard: int) -> bytes:
    return _fill(statement, shard).encode()


class ShardRouter:
    """All logical shards behind their pools, one for each server that is used; to be made after the last fork.

    `size` connections a server, `timeout` in seconds for each statement; `on_wait` gets the seconds for which a caller
    waited for a connection. In statements {shard} stands for the shard's schema. UnavailableError when a server does
    not answer or not in time. ShardRouter beyond the map's, which only made-up ids name, have no rows.
    """

    def __init__(self, path: Path, size: int, timeout: float, on_wait: Callable[[float], None]) -> None:
        self._file = MapFile(path)
        self._size = size
        self._timeout = timeout
        self._on_wait = on_wait
        self._deadlines = Deadlines()
        self._pools: dict[str, Pool] = {}
        self._paused: dict[str, float] = {}

    @property
    def count(self) -> int:
        """How many logical shards there are."""
        return len(self._file.current().shards)

    def close(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            pool.close()
        self._deadlines.close()

    def row(
        self, shard: int, statement: LiteralString, parameters: Sequence[object] = (), fresh: bool = True
    ) -> Row | None:
        """The first row that one statement returns, None when it returns none."""
        rows = self.rows(shard, statement, parameters, fresh)
        return rows[0] if rows else None

    def rows(
        self, shard: int, statement: LiteralString, parameters: Sequence[object] = (), fresh: bool = True
    ) -> list[Row]:
        """What one statement returns; unless `fresh`, from the replica where that answers."""
        known = self._file.current()
        if shard >= len(known.shards):
            return []
        query = _encoded(statement, shard)
        if not fresh:
            found = self._ask_replica(known.server(shard).replica, query, parameters)
            if found is not None:
                return found
        return self._persist(known, lambda its: self._run(its.server(shard).primary, query, parameters))

    def gather(
        self, statement: LiteralString, parameters: Sequence[object], by_shard: Mapping[int, Sequence[int]]
    ) -> list[Row]:
        """What a query returns from several shards, one statement a primary.

        In the query {ids} stands for the shard's own part of `by_shard`, a bigint[].
        """
        known = self._file.current()
        return self._persist(known, lambda its: self._gather(its, statement, parameters, by_shard))

    def ping(self) -> None:
        """Reach every primary; UnavailableError when that fails."""
        known = self._file.current()
        self._persist(known, lambda its: [self._run(one.primary, b"SELECT 1", ()) for one in its.servers.values()])

    def _gather(
        self,
        known: ShardMap,
        statement: LiteralString,
        parameters: Sequence[object],
        by_shard: Mapping[int, Sequence[int]],
    ) -> list[Row]:
        parts: dict[str, list[str]] = defaultdict(list)
        values: dict[str, list[object]] = defaultdict(lambda: list(parameters))
        for shard, ids in by_shard.items():
            if shard < len(known.shards):
                address = known.server(shard).primary
                values[address].append(ids)
                number = len(values[address])
                parts[address].append(f"({_fill(statement, shard).replace('{ids}', f'${number}::bigint[]')})")
        found: list[Row] = []
        for address, queries in parts.items():
            found += self._run(address, " UNION ALL ".join(queries).encode(), values[address])
        return found

    def _run(self, address: str, query: bytes, parameters: Sequence[object], patience: float = 1.0) -> list[Row]:
        pool = self._pools.get(address)
        if pool is None:
            # Of two threads that come at once, one makes the pool that both use.
            made = Pool(address, self._size, self._timeout * patience, self._deadlines, self._on_wait)
            pool = self._pools.setdefault(address, made)
        return pool.run(query, parameters)

    def _ask_replica(self, address: str | None, query: bytes, parameters: Sequence[object]) -> list[Row] | None:
        """What the replica answers; None when there is none, it fails, or it has not got the shard yet."""
        if address is None or self._paused.get(address, 0.0) > monotonic():
            return None
        try:
            return self._run(address, query, parameters, _REPLICA_PATIENCE)
        except _MOVED:
            return None
        except _TROUBLE:
            self._paused[address] = monotonic() + REPLICA_PAUSE_S
            return None

    def _persist(self, known: ShardMap, attempt: Callable[[ShardMap], T]) -> T:
        """What the attempt returns; one that did nothing is repeated once when the map turns out to be an old one."""
        try:
            try:
                return attempt(known)
            except _HARMLESS as error:
                newer = self._await_newer(known, 0.0 if isinstance(error, NotConnectedError) else self._timeout)
                if newer is None:
                    raise
                return attempt(newer)
        except (*_TROUBLE, *_HARMLESS) as error:
            raise UnavailableError("postgres", error) from error

    def _await_newer(self, known: ShardMap, patience: float) -> ShardMap | None:
        """A map other than `known`; move-shard replaces the file just after the shard has left its old server."""
        deadline = monotonic() + patience
        while (newer := self._file.current()) is known:
            if monotonic() >= deadline:
                return None
            sleep(_POLL_S)
        self._drop_unused(newer)
        return newer

    def _drop_unused(self, newer: ShardMap) -> None:
        for address in self._pools.keys() - newer.addresses():
            pool = self._pools.pop(address, None)
            if pool is not None:
                pool.close()
