"""Statements on logical shards: pools, deadlines, replicas, and maps that change."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Timer
from time import monotonic

import psycopg
import pytest

from service.admin.migration import migrate
from service.config import Config
from service.domain.errors import UnavailableError
from service.stores.postgres import shard_map
from service.stores.postgres.router import ShardRouter
from service.stores.postgres.shard_map import ShardMapError
from tests.servers import DATABASES, Servers, free_port, standing_still, wait_until, write_shard_map

Make = Callable[..., ShardRouter]
WHERE = "SELECT current_database()"


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes ShardRouter of a map file, closed when the test ends."""
    made: list[ShardRouter] = []

    def make(path: Path, size: int = 4, timeout: float = 5.0, waits: list[float] | None = None) -> ShardRouter:
        made.append(ShardRouter(path, size, timeout, (waits if waits is not None else []).append))
        return made[-1]

    yield make
    for shards in made:
        shards.close()


def no_server() -> str:
    return f"postgresql://x@127.0.0.1:{free_port()}/x"


def test_each_shard_is_asked_on_its_own_server(config: Config, make: Make) -> None:
    shards = make(config.shards)
    assert shards.count == 4
    assert [shards.row(shard, WHERE) for shard in range(4)] == [(DATABASES[0],), (DATABASES[1],)] * 2
    assert shards.rows(4, WHERE) == []
    shards.ping()


def test_one_connection_takes_statements_of_all_kinds_one_after_the_other(config: Config, make: Make) -> None:
    shards = make(config.shards, size=1)
    moment = datetime(2010, 10, 6, 12, 30, 0, 250000, UTC)
    for _turn in range(2):
        for kind, value in (
            ("int", 7), ("bigint", 2**62), ("bigint", None), ("text", "é\\'"), ("text", None), ("boolean", True),
            ("timestamptz", moment), ("bigint[]", [1, 2**40]), ("bigint[]", []), ("text[]", ["a", None]),
            ("bytea", b"\x00\xff"), ("float8", 0.1),
        ):  # fmt: skip
            statement = f"SELECT $1::{kind}, $2::int FROM generate_series(1, 2)"
            assert shards.rows(0, statement, (value, 1)) == [(value, 1)] * 2
        assert shards.rows(0, "SELECT 1 WHERE false") == []
        with pytest.raises(psycopg.errors.DivisionByZero, match="division by zero"):
            shards.rows(0, "SELECT 1 / $1::int", (0,))
        with pytest.raises(psycopg.Error):
            shards.rows(0, "SET application_name = 'x'")


@pytest.mark.timed
def test_a_silent_server_costs_no_more_than_the_deadline(config: Config, make: Make) -> None:
    waits: list[float] = []
    shards = make(config.shards, size=1, timeout=0.3, waits=waits)
    started = monotonic()
    with pytest.raises(UnavailableError, match="postgres"):
        shards.rows(0, "SELECT pg_sleep(20), 'late'")
    assert monotonic() - started < 2
    # The connection with the answer that is still to come is not used again.
    assert shards.rows(0, "SELECT 'prompt'") == [("prompt",)]
    assert len(waits) == 2


@pytest.mark.timed
def test_a_stopped_server_holds_nobody_longer_than_the_deadline(servers: Servers, tmp_path: Path, make: Make) -> None:
    shards = make(write_shard_map(tmp_path / "shards.json", servers.postgres_urls), size=2, timeout=0.5)
    [(pid,)] = shards.rows(0, "SELECT pg_backend_pid()")
    with standing_still(pid):
        started = monotonic()
        with pytest.raises(UnavailableError, match=r"no answer within 0\.5 s"):
            shards.rows(0, "SELECT 1")
        assert 0.4 < monotonic() - started < 1.5
        assert shards.rows(0, "SELECT 'another connection'") == [("another connection",)]
    assert shards.rows(0, "SELECT pg_backend_pid()") != [(pid,)]


def test_all_pools_of_a_process_share_one_thread(servers: Servers, config: Config, make: Make) -> None:
    before = set(threading.enumerate())
    shards = make(config.shards)
    shards.ping()
    assert len(servers.postgres_urls) == 2
    [thread] = set(threading.enumerate()) - before
    shards.close()
    wait_until(lambda: not thread.is_alive())


@pytest.mark.timed
def test_who_finds_all_connections_busy_waits_no_longer_than_the_deadline(config: Config, make: Make) -> None:
    waits: list[float] = []
    shards = make(config.shards, size=1, timeout=0.5, waits=waits)

    def sleep(_: int) -> bool:
        try:
            return shards.rows(0, "SELECT pg_sleep(0.4)") == [("",)]
        except UnavailableError:
            return False

    with ThreadPoolExecutor(3) as threads:
        done = list(threads.map(sleep, range(3)))
    # The second gets its turn after 0.4 s, the third would after 0.8 s.
    assert sorted(done) == [False, True, True]
    first, second, third = sorted(waits)
    assert first < 0.2 < second < 0.5 <= third < 0.7


def test_no_server_is_unavailable(tmp_path: Path, make: Make) -> None:
    shards = make(write_shard_map(tmp_path / "shards.json", [no_server()]), timeout=0.2)
    for attempt in (lambda: shards.rows(0, "SELECT 1"), shards.ping):
        with pytest.raises(UnavailableError):
            attempt()


def test_connections_that_the_server_has_closed_are_replaced(
    servers: Servers, config: Config, make: Make, tmp_path: Path
) -> None:
    shards = make(write_shard_map(tmp_path / "shards.json", servers.postgres_urls))
    [(pid,)] = shards.rows(0, "SELECT pg_backend_pid()")
    with psycopg.connect(servers.postgres_urls[0]) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    [(other,)] = shards.rows(0, "SELECT pg_backend_pid()")
    assert other != pid


def test_replicas_answer_what_may_be_old_and_primaries_what_may_not(
    servers: Servers, config: Config, replica_base: str, tmp_path: Path, make: Make
) -> None:
    replicas = [f"{replica_base}/{name}" for name in DATABASES]
    shards = make(write_shard_map(tmp_path / "shards.json", servers.postgres_urls, replicas))
    recovering = "SELECT pg_is_in_recovery()"
    insert = "INSERT INTO {shard}.tags (tag, photo_id) VALUES ('lag', $1) RETURNING 1"
    find = "SELECT photo_id FROM {shard}.tags WHERE tag = 'lag' AND photo_id = $1"
    assert shards.row(1, recovering, fresh=False) == (True,)
    assert shards.row(1, recovering) == (False,)
    shards.rows(1, insert, (1,))
    wait_until(lambda: shards.rows(1, find, (1,), fresh=False) == [(1,)])
    with psycopg.connect(replicas[0], autocommit=True) as connection:
        connection.execute("SELECT pg_wal_replay_pause()")
        try:
            wait_until(lambda: connection.execute("SELECT pg_get_wal_replay_pause_state()").fetchone() == ("paused",))
            shards.rows(1, insert, (2,))
            assert shards.rows(1, find, (2,), fresh=False) == []
            assert shards.rows(1, find, (2,)) == [(2,)]
        finally:
            connection.execute("SELECT pg_wal_replay_resume()")
    wait_until(lambda: shards.rows(1, find, (2,), fresh=False) == [(2,)])


def test_without_a_replica_or_with_a_dead_one_the_primary_answers(
    servers: Servers, config: Config, tmp_path: Path, make: Make
) -> None:
    shards = make(write_shard_map(tmp_path / "shards.json", servers.postgres_urls, [no_server()]))
    assert [shards.row(shard, WHERE, fresh=False) for shard in (0, 1)] == [(DATABASES[0],), (DATABASES[1],)]


@pytest.mark.timed
def test_a_silent_replica_costs_part_of_the_deadline_once(
    servers: Servers, config: Config, replica_base: str, tmp_path: Path, make: Make
) -> None:
    replicas = [f"{replica_base}/{name}" for name in DATABASES]
    shards = make(write_shard_map(tmp_path / "shards.json", servers.postgres_urls, replicas), timeout=2.0)
    # Sleeps on the replica only.
    query = "SELECT CASE WHEN pg_is_in_recovery() THEN pg_sleep(20)::text END, 'primary'"
    started = monotonic()
    assert shards.row(0, query, fresh=False) == (None, "primary")
    assert 0.4 < monotonic() - started < 1.9
    started = monotonic()
    assert shards.row(0, query, fresh=False) == (None, "primary")
    assert monotonic() - started < 0.4


def test_a_statement_on_a_read_only_server_waits_for_the_new_map(
    servers: Servers, config: Config, replica_base: str, tmp_path: Path, make: Make
) -> None:
    path = write_shard_map(tmp_path / "shards.json", [f"{replica_base}/{name}" for name in DATABASES])
    shards = make(path)
    insert = "INSERT INTO {shard}.tags (tag, photo_id) VALUES ('promoted', $1) RETURNING photo_id"
    promotion = Timer(0.2, lambda: shard_map.write(path, shard_map.read(config.shards)))
    promotion.start()
    assert shards.rows(1, insert, (1,)) == [(1,)]
    promotion.join()
    dead = make(write_shard_map(tmp_path / "dead.json", [f"{replica_base}/{name}" for name in DATABASES]), timeout=2.0)
    with pytest.raises(UnavailableError, match="read-only"):
        dead.rows(1, insert, (2,))


def test_a_shard_that_has_gone_is_asked_for_where_the_new_map_says(fresh_shards: Path, make: Make) -> None:
    migrate(fresh_shards)
    shards = make(fresh_shards)
    known = shard_map.read(fresh_shards)
    assert shards.row(1, WHERE) == ("fresh_2",)
    # As a move leaves it: the shard is on the other server, and the map says so a moment later.
    for server, old, new in (("postgres-1", "shard_0000", "shard_0001"), ("postgres-2", "shard_0001", "gone")):
        with psycopg.connect(known.servers[server].primary, prepare_threshold=None) as connection:
            connection.execute(f"ALTER SCHEMA {old} RENAME TO {new}".encode())
    swap = Timer(0.2, lambda: shard_map.write(fresh_shards, known.moved(1, "postgres-1")))
    swap.start()
    found = shards.rows(1, "INSERT INTO {shard}.tags (tag, photo_id) VALUES ('x', 1) RETURNING current_database()")
    assert found == [("fresh_1",)]
    assert shards.gather("SELECT photo_id FROM {shard}.tags WHERE photo_id = ANY({ids})", (), {1: [1]}) == [(1,)]
    swap.join()


def test_a_shard_without_tables_is_unavailable_after_the_deadline(fresh_shards: Path, make: Make) -> None:
    with pytest.raises(UnavailableError, match="does not exist"):
        make(fresh_shards, timeout=1.5).rows(0, "SELECT 1 FROM {shard}.users")


def test_a_map_that_makes_no_sense_leaves_the_old_one_in_force(
    config: Config, tmp_path: Path, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "shards.json"
    known = shard_map.read(config.shards)
    shard_map.write(path, known)
    shards = make(path)
    for content in ("{", json.dumps({"servers": {}, "shards": []})):
        path.write_text(content)
        assert shards.row(0, WHERE) == (DATABASES[0],)
    shard_map.write(path, shard_map.ShardMap(known.servers, known.shards[:2]))
    assert shards.count == 4
    assert "cannot change" in caplog.text
    path.unlink()
    assert shards.row(3, WHERE) == (DATABASES[1],)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("nonsense", "Expecting value"),
        ("[]", "list"),
        ('{"servers": {}}', "shards"),
        ('{"servers": {"a": {"primary": "x"}}, "shards": []}', "0 logical shards"),
        ('{"servers": {"a": {"primary": "x"}}, "shards": ["b"]}', "unknown server 'b'"),
        ('{"servers": {"a": {"primary": 5}}, "shards": ["a"]}', "addresses must be text"),
        ('{"servers": {"a": {"primary": "x"}}, "shards": [' + ", ".join(['"a"'] * 8193) + "]}", "8193 logical"),
    ],
)
def test_a_wrong_map_is_one_clear_error(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "shards.json"
    path.write_text(content)
    with pytest.raises(ShardMapError, match=message):
        shard_map.read(path)


def test_a_written_map_is_private_and_read_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "shards.json"
    its = shard_map.ShardMap({"a": shard_map.Server("x", None), "b": shard_map.Server("y", "z")}, ("a", "b", "a"))
    shard_map.write(path, its)
    assert shard_map.read(path) == its
    assert path.stat().st_mode & 0o777 == 0o600
    shard_map.update(path, lambda known: known.moved(2, "b"))
    assert shard_map.read(path).shards == ("a", "b", "b")
    assert [file.name for file in tmp_path.iterdir()] == ["shards.json"]
