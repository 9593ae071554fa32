"""Stores that lock, delay, pause or evict, by their own commands."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier
from pymemcache.client.base import Client
from redis import Redis

from compose.faults import repeated
from compose.local import Target
from compose.postgres import shard_map
from compose.topology import LOOPBACK

_LONGEST_PAUSE_S = 30.0
_FILL_EVERY_S = 0.02
_SLOW_TRIGGER = """
CREATE FUNCTION {schema}.slow_insert() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep({seconds}); RETURN NEW; END $$;
CREATE TRIGGER slow_insert BEFORE INSERT ON {schema}.likes FOR EACH ROW EXECUTE FUNCTION {schema}.slow_insert()
"""


@contextmanager
def locked(target: Target, *tables: str, primaries: int | None = None) -> Iterator[None]:
    """A transaction holds these tables of the first primaries (None: of all) in ACCESS EXCLUSIVE mode."""
    with ExitStack() as stack:
        for url in _primaries(target)[:primaries]:
            connection = stack.enter_context(psycopg.connect(url, prepare_threshold=None))
            stack.callback(connection.rollback)
            names = SQL(", ").join(Identifier(*table) for table in _tables(connection, tables))
            connection.execute(SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(names))
        yield


@contextmanager
def slow_likes(target: Target, seconds: float) -> Iterator[None]:
    """Every INSERT of a like takes this much longer, by a trigger."""
    with ExitStack() as stack:
        for url in _primaries(target):
            connection = stack.enter_context(psycopg.connect(url, autocommit=True, prepare_threshold=None))
            for schema, _ in _tables(connection, ("likes",)):
                names = {"schema": Identifier(schema), "seconds": SQL(repr(seconds))}
                connection.execute(SQL(_SLOW_TRIGGER).format(**names))
                stack.callback(connection.execute, SQL("DROP FUNCTION {schema}.slow_insert CASCADE").format(**names))
        yield


def _primaries(target: Target) -> list[str]:
    """The URL of each primary, through PgBouncer."""
    servers = shard_map.read(Path(target.environment["LIKESTORM_SHARDS"])).servers
    return [servers[name].primary for name in sorted(servers)]


def _tables(connection: psycopg.Connection[tuple[str, str]], names: Sequence[str]) -> list[tuple[str, str]]:
    """Schema and name of the tables with these names, on every logical shard."""
    return connection.execute(
        "SELECT schemaname, tablename FROM pg_tables WHERE tablename = ANY(%s) AND schemaname <> 'pg_catalog' "
        "ORDER BY 1, 2",
        (list(names),),
    ).fetchall()


@contextmanager
def redis_paused(target: Target, seconds: float) -> Iterator[None]:
    """Redis answers no client for this long; it takes no command that would end the pause earlier."""
    url = target.environment["LIKESTORM_REDIS_URL"]
    with Redis.from_url(url, socket_timeout=_LONGEST_PAUSE_S) as client:
        client.client_pause(round(1000 * seconds))
        try:
            yield
        finally:
            client.ping()


@contextmanager
def memcached_filled(target: Target) -> Iterator[None]:
    """One memcached gets more values than it has memory for."""
    numbers = itertools.count()
    address = (LOOPBACK, target.topology.ports["memcached-1"])
    with closing(Client(address, timeout=2, connect_timeout=2)) as client:

        @contextmanager
        def fill() -> Iterator[None]:
            client.set_many({f"fault-{next(numbers)}": b"x" * 200_000 for _ in range(10)}, expire=60)
            yield

        with repeated(fill, 0, _FILL_EVERY_S):
            yield
