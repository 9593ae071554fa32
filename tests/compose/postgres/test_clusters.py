"""Primaries, replicas and PgBouncer as a stack has them, without the rest of it."""

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import psycopg
import pytest

from compose.credentials import DATABASE, ROLE, postgres_url
from compose.exporters.postgres import Postgres
from compose.topology import named
from tests.compose.stacks import Databases, await_true, databases


@pytest.fixture(scope="module")
def running(base_port: int) -> Iterator[Databases]:
    with tempfile.TemporaryDirectory(prefix="likestorm-tests-") as name:
        Path(name).chmod(0o755)
        with databases(named("small", base_port + 50), Path(name), "unsynced") as started:
            started.make_notes()
            yield started


def test_where_nobody_is_to_wait_for_the_disk_nobody_does(running: Databases) -> None:
    assert running.layout.run.parent == running.layout.state
    for server in running.shards.servers.values():
        assert [running.ask(url or "", "SHOW fsync") for url in (server.primary, server.replica)] == ["off"] * 2


def test_nothing_is_left_to_autovacuum_when_a_server_starts(running: Databases) -> None:
    pending = (
        "SELECT array_agg(seen.relname::text) FROM pg_stat_all_tables seen JOIN pg_class ON oid = relid"
        " WHERE schemaname <> 'pg_toast' AND last_autoanalyze IS NULL AND n_mod_since_analyze > 50 + reltuples / 10"
    )
    for server in ("postgres-1", "postgres-2"):
        url = running.url(server)
        template = url.replace(f"/{DATABASE}", "/template1")
        assert template != url
        # What it writes itself does not count as analysed; each is of one page.
        assert set(running.ask(template, pending) or ()) <= {"pg_statistic", "pg_shdepend"}  # type: ignore[call-overload]


def test_what_a_primary_stores_its_own_replica_shows(running: Databases) -> None:
    first, second = running.shards.servers["postgres-1"], running.shards.servers["postgres-2"]
    assert first.replica
    assert second.replica
    running.ask(first.primary, "INSERT INTO notes VALUES (1, 'on the first')")
    await_true(lambda: running.ask(first.replica or "", "SELECT text FROM notes WHERE id = 1") == "on the first")
    assert running.ask(second.primary, "SELECT text FROM notes WHERE id = 1") is None
    assert running.ask(second.replica, "SELECT text FROM notes WHERE id = 1") is None


def test_a_log_in_costs_pgbouncer_little(running: Databases) -> None:
    """PgBouncer is one thread, and each process of the service logs in to each server."""
    url = running.shards.servers["postgres-1"].primary
    pooler = psutil.Process(running.pid("pgbouncer"))
    before = sum(pooler.cpu_times()[:2])
    for _ in range(100):
        assert running.ask(url, "SELECT 1") == 1
    # The usual 4,096 iterations take it 0.5 s.
    assert sum(pooler.cpu_times()[:2]) - before < 0.2


@pytest.mark.parametrize("past_pgbouncer", [False, True])
def test_a_wrong_password_is_refused(running: Databases, past_pgbouncer: bool) -> None:
    url = running.shards.servers["postgres-1"].primary
    assert running.ask(url, "SELECT 1") == 1
    if past_pgbouncer:
        port = running.topology.ports["postgres-1"]
        url = postgres_url(ROLE, running.credentials.database, port)
        assert running.ask(url, "SELECT 1") == 1
    wrong = url.replace(running.credentials.database, running.credentials.superuser)
    assert wrong != url
    with pytest.raises(psycopg.OperationalError, match=r"password authentication failed|SASL authentication failed"):
        running.ask(wrong, "SELECT 1")


def test_a_replica_takes_no_writes(running: Databases) -> None:
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        running.ask(running.shards.servers["postgres-2"].replica or "", "INSERT INTO notes VALUES (2, 'x')")


def test_a_replica_that_was_away_catches_up(running: Databases) -> None:
    server = running.shards.servers["postgres-2"]
    running.supervisor.stop(["postgres-2-replica"])
    await_true(lambda: running.pid("postgres-2-replica") == 0)
    running.ask(server.primary, "INSERT INTO notes SELECT id, repeat('x', 500) FROM generate_series(1000, 40000) id")
    running.supervisor.start(["postgres-2-replica"])
    count = "SELECT count(*) FROM notes WHERE id >= 1000"

    def has_all() -> bool:
        try:
            return running.ask(server.replica or "", count) == 39_001
        except psycopg.OperationalError:
            return False

    await_true(has_all)


def test_a_server_that_is_killed_is_reached_again_within_seconds(running: Databases) -> None:
    server = running.shards.servers["postgres-2"]
    running.ask(server.primary, "INSERT INTO notes VALUES (3, 'before')")
    os.kill(running.pid("postgres-2"), signal.SIGKILL)
    began = time.monotonic()

    def answers() -> bool:
        try:
            return running.ask(server.primary, "SELECT text FROM notes WHERE id = 3") == "before"
        except psycopg.OperationalError:
            return False

    await_true(answers)
    assert time.monotonic() - began < 10


def test_a_statement_whose_client_has_left_ends(running: Databases) -> None:
    server = running.shards.servers["postgres-1"]
    connection = psycopg.connect(server.primary, autocommit=True, prepare_threshold=None)
    connection.pgconn.send_query(b"SELECT 'abandoned', pg_sleep(60)")
    busy = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT ''aban%' AND state = 'active'"
    await_true(lambda: running.ask(running.url("postgres-1"), busy) == 1)
    connection.close()
    await_true(lambda: running.ask(running.url("postgres-1"), busy) == 0)


def test_the_service_s_role_has_a_deadline_that_a_command_can_lift(running: Databases) -> None:
    server = running.shards.servers["postgres-1"]
    assert running.ask(server.primary, "SHOW statement_timeout") == "30s"
    with psycopg.connect(server.primary, prepare_threshold=None) as connection:
        connection.execute("SET LOCAL statement_timeout = 0")
        assert connection.execute("SHOW statement_timeout").fetchone() == ("0",)


def test_a_replica_s_lag_is_the_age_of_what_it_shows_and_0_when_nothing_is_written(running: Databases) -> None:
    server = running.shards.servers["postgres-1"]

    def read(collector: Postgres) -> dict[str, float]:
        return {sample.name: sample.value for metric in collector() for sample in metric.samples}

    with closing(Postgres(running.url("postgres-1-replica", "monitor"))) as collector:
        await_true(lambda: read(collector)["pg_replication_lag_seconds"] == 0)
        assert read(collector)["pg_replication_is_replica"] == 1
        running.ask(running.url("postgres-1-replica"), "SELECT pg_wal_replay_pause()")
        try:
            running.ask(server.primary, "INSERT INTO notes VALUES (4, 'not replayed')")
            await_true(lambda: read(collector)["pg_replication_lag_seconds"] > 0)
        finally:
            running.ask(running.url("postgres-1-replica"), "SELECT pg_wal_replay_resume()")
        await_true(lambda: read(collector)["pg_replication_lag_seconds"] == 0)
    with closing(Postgres(running.url("postgres-1", "monitor"))) as collector:
        assert read(collector) == {"pg_replication_is_replica": 0, "pg_replication_lag_seconds": 0}
