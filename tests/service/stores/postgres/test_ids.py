"""Ids as PostgreSQL hands them out."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from service.config import Config
from service.domain.ids import created_at, split
from service.stores.postgres.router import ShardRouter
from tests.servers import Servers


@pytest.fixture
def database(servers: Servers, config: Config) -> str:
    return servers.postgres_urls[0]


def next_ids(database: str, count: int, moment: datetime | None = None) -> list[int]:
    with psycopg.connect(database, autocommit=True) as connection:
        if moment is None:
            rows = connection.execute("SELECT shard_0002.next_id() FROM generate_series(1, %s)", (count,))
        else:
            rows = connection.execute("SELECT shard_0002.next_id(%s) FROM generate_series(1, %s)", (moment, count))
        return [number for (number,) in rows]


def test_an_id_holds_the_moment_and_the_shard(database: str) -> None:
    before = datetime.now(UTC)
    [number] = next_ids(database, 1)
    # Another test may have taken milliseconds in advance.
    assert before - timedelta(milliseconds=1) <= created_at(number) <= datetime.now(UTC) + timedelta(seconds=30)
    assert split(number).shard == 2


def test_more_than_1024_a_millisecond_are_distinct_and_increasing(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        moment = datetime.now(UTC) + timedelta(seconds=10)
        rows = connection.execute("SELECT shard_0002.next_id(%s) FROM generate_series(1, 5000)", (moment,)).fetchall()
    numbers = [number for (number,) in rows]
    assert numbers == sorted(set(numbers))
    assert len({split(number).milliseconds for number in numbers}) == 5


def test_an_id_is_never_given_again_when_the_clock_steps_back(database: str) -> None:
    first = next_ids(database, 10)
    second = next_ids(database, 2000, datetime.now(UTC) - timedelta(hours=1))
    third = next_ids(database, 10)
    numbers = [*first, *second, *third]
    assert numbers == sorted(set(numbers))


def test_many_connections_at_once_get_different_ids(config: Config) -> None:
    shards = ShardRouter(config.shards, 8, 5.0, lambda seconds: None)
    statement = "SELECT {shard}.next_id() FROM generate_series(1, 20)"
    with ThreadPoolExecutor(8) as threads:
        rows = [row for found in threads.map(lambda _: shards.rows(2, statement), range(200)) for row in found]
    shards.close()
    assert len(set(rows)) == 4000


def test_a_statement_that_is_cancelled_keeps_nobody_from_getting_ids(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as cancelled:
        cancelled.execute("SET statement_timeout = 50")
        with pytest.raises(psycopg.errors.QueryCanceled):
            cancelled.execute("SELECT count(shard_0002.next_id()) FROM generate_series(1, 10000000)")
        cancelled.execute("RESET statement_timeout")
        [locks] = cancelled.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchall()
        assert locks == (0,)
        assert len(next_ids(database, 3)) == 3
