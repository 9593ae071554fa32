"""Moving a logical shard to another primary, with nothing lost while the service writes.

The order is what keeps everything: the copy is committed on the target while the source's tables are locked against
writes; then the source's schema gets another name, which ends the lock; then the map says where the shard is. Writers
that waited find the schema gone, read the map until it is another one, and repeat on the target
(stores/postgres/router.py).
Whenever this is killed, the source has the schema under its own name and everything in it, or the target has; the same
command again starts anew in the one case and goes on in the other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import psycopg
from psycopg import sql

from service.admin.migration import SCHEMA, SHARD_LOCK, apply_files, left_behind, take_time
from service.domain.errors import ServiceError
from service.stores.postgres import shard_map
from service.stores.postgres.router import schema
from service.stores.postgres.shard_map import ShardMap

OnStep = Callable[[str], None]


class MoveError(ServiceError):
    """A shard that cannot be moved as asked for, or a server that failed; the message says which."""


@dataclass(frozen=True)
class Moved:
    """What a move came to: how many rows it copied, and for how many seconds writers waited."""

    source: str
    rows: int
    locked_s: float


def move(path: Path, shard: int, target: str, on_step: OnStep) -> Moved | None:
    """Move a shard of the map in `path` to the primary `target`; None when it is there already.

    `on_step` gets the name of each step that is done: locked, copied, handed over, mapped.
    """
    known = shard_map.read(path)
    if not shard < len(known.shards):
        raise MoveError(f"there is no shard {shard}: they count from 0 to {len(known.shards) - 1}")
    if target not in known.servers:
        raise MoveError(f"there is no server {target!r}, only {', '.join(known.servers)}")
    source = known.shards[shard]
    try:
        with psycopg.connect(known.servers[source].primary, prepare_threshold=None) as guard:
            take_time(guard)
            # Keeps other processes from moving or migrating this shard until all is done.
            guard.execute("SELECT pg_advisory_xact_lock(%s, %s)", (SHARD_LOCK, shard))
            if shard_map.read(path) != known:
                raise MoveError(f"shard map {path} has changed meanwhile: try again")
            handed_to = _handed_to(guard, shard)
            if handed_to not in (None, target):
                raise MoveError(f"shard {shard} is half way to {handed_to}: finish that first")
            moved = None
            if source != target:
                moved = Moved(source, 0, 0.0) if handed_to else _hand_over(known, shard, target, on_step)
                on_step("handed over")
                shard_map.update(path, lambda current: current.moved(shard, target))
                on_step("mapped")
            _drop_leftovers(known, shard, kept=target)
    except psycopg.Error as error:
        raise MoveError(f"shard {shard} is not moved: {error}; the same command again finishes or restarts") from error
    return moved


def _handed_to(source: psycopg.Connection, shard: int) -> str | None:
    """Which server has a shard that was handed over in a move that did not end, None when it is still here."""
    row = source.execute(
        "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = %s", (left_behind(shard),)
    ).fetchone()
    return row[0] if row else None


def _hand_over(known: ShardMap, shard: int, target: str, on_step: OnStep) -> Moved:
    """Copy everything to the target and take the name away from what is left here; commits both."""
    here, away = sql.Identifier(schema(shard)), sql.Identifier(left_behind(shard))
    with psycopg.connect(known.server(shard).primary, prepare_threshold=None) as giving:
        take_time(giving)
        tables = _lock(giving, shard)
        started = perf_counter()
        on_step("locked")
        with psycopg.connect(known.servers[target].primary, prepare_threshold=None) as taking:
            take_time(taking)
            rows = _copy_all(giving, taking, shard, tables)
        on_step("copied")
        giving.execute(sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(here, away))
        giving.execute(sql.SQL("COMMENT ON SCHEMA {} IS {}").format(away, sql.Literal(target)))
    return Moved(known.shards[shard], rows, perf_counter() - started)


def _copy_all(giving: psycopg.Connection, taking: psycopg.Connection, shard: int, tables: list[str]) -> int:
    """Make the shard anew, with all that it has; how many rows."""
    for stale in (schema(shard), left_behind(shard)):
        # Of a move that was killed, or of one that led away from there.
        taking.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(stale)))
    applied = apply_files(taking, shard, {file.name: file.read_text() for file in sorted(SCHEMA.glob("*.sql"))})
    if _migrations(giving, shard) != set(applied):
        raise MoveError(f"shard {shard} does not have today's schema: python -m service migrate")
    rows = sum(_copy(giving, taking, shard, table) for table in tables)
    _set_sequences(giving, taking, shard)
    return rows


def _lock(giving: psycopg.Connection, shard: int) -> list[str]:
    """Keep writers out of all tables of a shard until the transaction ends, readers not; the tables' names.

    In the order in which the service's statements take them, so that none waits for the other: by name, and
    schema_migrations last, which next_id takes when its statement has a table already.
    """
    found = giving.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY 1", (schema(shard),))
    tables = [name for (name,) in found if name != "schema_migrations"]
    if not tables:
        raise MoveError(f"shard {shard} has no tables: python -m service migrate")
    locked = [sql.Identifier(schema(shard), name) for name in (*tables, "schema_migrations")]
    giving.execute(sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(sql.SQL(", ").join(locked)))
    return tables


def _migrations(connection: psycopg.Connection, shard: int) -> set[str]:
    query = sql.SQL("SELECT name FROM {}.schema_migrations").format(sql.Identifier(schema(shard)))
    return {name for (name,) in connection.execute(query)}


def _copy(giving: psycopg.Connection, taking: psycopg.Connection, shard: int, table: str) -> int:
    """Copy one table; how many rows."""
    columns = giving.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s",
        (schema(shard), table),
    )
    whole = sql.SQL("COPY {} ({})").format(
        sql.Identifier(schema(shard), table), sql.SQL(", ").join(sql.Identifier(name) for (name,) in columns)
    )
    with giving.cursor() as source, taking.cursor() as target:
        with (
            source.copy(whole + sql.SQL(" TO STDOUT (FORMAT binary)")) as reading,
            target.copy(whole + sql.SQL(" FROM STDIN (FORMAT binary, FREEZE)")) as writing,
        ):
            for data in reading:
                writing.write(data)
        if source.rowcount != target.rowcount:
            raise MoveError(f"{table}: {source.rowcount} rows were read, but {target.rowcount} written")
        return target.rowcount


def _set_sequences(giving: psycopg.Connection, taking: psycopg.Connection, shard: int) -> None:
    found = giving.execute("SELECT sequencename FROM pg_sequences WHERE schemaname = %s", (schema(shard),)).fetchall()
    for (name,) in found:
        sequence = sql.Identifier(schema(shard), name)
        state = giving.execute(sql.SQL("SELECT last_value, is_called FROM {}").format(sequence)).fetchone()
        taking.execute("SELECT setval(%s::regclass, %s, %s)", (f"{schema(shard)}.{name}", *(state or ())))


def _drop_leftovers(known: ShardMap, shard: int, kept: str) -> None:
    """Drop what the shard has left on the other servers: the map does not lead there any more."""
    for name, server in known.servers.items():
        if name != kept:
            with psycopg.connect(server.primary, prepare_threshold=None) as connection:
                take_time(connection)
                connection.execute(
                    sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(left_behind(shard)))
                )
