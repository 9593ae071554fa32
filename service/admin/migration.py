"""The schema: numbered SQL files, each applied once to every logical shard."""

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
from psycopg import sql

from service.domain.errors import ServiceError
from service.stores.postgres import shard_map
from service.stores.postgres.router import schema

SCHEMA = Path(__file__).parents[1] / "schema"
SHARD_LOCK = 2
"""Class of the advisory locks, one a shard, under which its tables are made, changed or moved; 1 is next_id's."""

_BEFORE_ALL = sql.SQL(
    "CREATE SCHEMA IF NOT EXISTS {shard}; CREATE TABLE IF NOT EXISTS {shard}.schema_migrations "
    "(name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
)


class MigrationError(ServiceError):
    """A server could not be reached, or refused a file."""


def migrate(path: Path, directory: Path = SCHEMA) -> dict[str, int]:
    """Apply to each shard of the map in `path` what it has not got yet; how many shards got each file.

    A shard gets all that it misses in one transaction or nothing; so a migration that was killed is resumed by another
    one. Several may run at once: they wait for each other. Servers are worked on side by side.
    """
    files = {file.name: file.read_text() for file in sorted(directory.glob("*.sql"))}
    servers = shard_map.read(path).servers
    with ThreadPoolExecutor(len(servers)) as threads:
        applied = list(threads.map(lambda name: _migrate_server(path, name, files), servers))
    return dict(sorted(sum(applied, Counter[str]()).items()))


def _migrate_server(path: Path, name: str, files: Mapping[str, str]) -> Counter[str]:
    known = shard_map.read(path)
    applied: Counter[str] = Counter()
    try:
        with psycopg.connect(known.servers[name].primary, autocommit=True, prepare_threshold=None) as connection:
            for shard in known.shards_of(name):
                with connection.transaction():
                    take_time(connection)
                    connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", (SHARD_LOCK, shard))
                    # It may have moved since the map was read; on a server that has not got it, nothing may be made.
                    if shard_map.read(path).shards[shard] == name:
                        applied.update(apply_files(connection, shard, files))
    except psycopg.Error as error:
        raise MigrationError(f"{name}: {error}") from error
    return applied


def take_time(connection: psycopg.Connection) -> None:
    """Lift the limits that requests have for the transaction that this begins or is in."""
    connection.execute("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0")


def apply_files(connection: psycopg.Connection, shard: int, files: Mapping[str, str]) -> list[str]:
    """Make the shard's schema if it is not there, and return the names of the files that it had not got yet.

    To be called in a transaction that has the shard's lock.
    """
    if connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (left_behind(shard),)).fetchone():
        raise MigrationError(f"shard {shard} is being moved away: finish that first, by the same move-shard again")
    name = sql.Identifier(schema(shard))
    connection.execute(_BEFORE_ALL.format(shard=name))
    known = {row[0] for row in connection.execute(sql.SQL("SELECT name FROM {}.schema_migrations").format(name))}
    pending = [file for file in files if file not in known]
    for file in pending:
        connection.execute(files[file].replace("{shard}", schema(shard)).replace("{number}", str(shard)).encode())
    connection.cursor().executemany(
        sql.SQL("INSERT INTO {}.schema_migrations (name) VALUES (%s)").format(name), [(file,) for file in pending]
    )
    return pending


def left_behind(shard: int) -> str:
    """What a shard's schema is called on the server that it was moved from, until it is dropped."""
    return f"{schema(shard)}_moved"
