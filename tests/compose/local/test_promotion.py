"""A replica takes its primary's place."""

import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from compose.errors import StackError, UsageError
from compose.local import promotion
from compose.topology import Topology
from tests.compose.stacks import Databases, await_true, databases


@pytest.fixture
def stack(topology: Topology) -> Iterator[Databases]:
    """Of its own for each test: what is promoted stays so."""
    with tempfile.TemporaryDirectory(prefix="likestorm-tests-") as name:
        Path(name).chmod(0o755)
        with databases(topology, Path(name)) as started:
            started.make_notes()
            yield started


def ignore(_step: str) -> None:
    return


class Writer(threading.Thread):
    """Inserts row after row where the shard map says, and notes which were acknowledged."""

    def __init__(self, stack: Databases, server: str, first: int) -> None:
        super().__init__()
        self._stack, self._server, self._next = stack, server, first
        self._stopped = threading.Event()
        self.acknowledged: list[int] = []

    def run(self) -> None:
        while not self._stopped.is_set():
            url = self._stack.shards.servers[self._server].primary
            self._next += 1
            try:
                self._stack.ask(url, f"INSERT INTO notes VALUES ({self._next}, 'written')")
                self.acknowledged.append(self._next)
            except psycopg.Error:
                continue  # the primary is away

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def promote_under_writes(
    stack: Databases, server: str, prepare: Callable[[Writer], None]
) -> tuple[list[int], set[int]]:
    """Promote the server's replica while rows are written: which were acknowledged, in order, and which are stored."""
    replica = stack.shards.servers[server].replica
    writer = Writer(stack, server, 100_000)
    writer.start()
    try:
        await_true(lambda: len(writer.acknowledged) > 20)
        prepare(writer)
        steps: list[str] = []
        promotion.promote(stack.supervisor, stack.map_file, server, stack.url(f"{server}-replica"), steps.append)
        before = len(writer.acknowledged)
        await_true(lambda: len(writer.acknowledged) > before + 20, 20)
    finally:
        writer.stop()
    assert steps == [f"stopping {server}", f"promoting {server}-replica", "changing the shard map"]
    promoted = stack.shards.servers[server]
    assert (promoted.primary, promoted.replica) == (replica, None)
    assert stack.supervisor.states()[server].state == "STOPPED"
    return writer.acknowledged, rows(stack, str(promoted.primary))


def rows(stack: Databases, url: str) -> set[int]:
    with psycopg.connect(url, prepare_threshold=None) as connection:
        return {row[0] for row in connection.execute("SELECT id FROM notes WHERE id > 100000")}


def test_a_replica_takes_its_running_primary_s_place_with_all_that_was_acknowledged(stack: Databases) -> None:
    acknowledged, stored = promote_under_writes(stack, "postgres-1", lambda _writer: None)
    assert stored >= set(acknowledged)
    with pytest.raises(UsageError, match=r"^postgres-1 has no replica left"):
        promotion.promote(stack.supervisor, stack.map_file, "postgres-1", stack.url("postgres-1-replica"), ignore)


@pytest.mark.long
def test_a_killed_primary_takes_at_most_the_last_writes_with_it(stack: Databases) -> None:
    """Streaming is asynchronous: what the replica had is kept, and what is lost is the newest, without a hole."""
    replica = str(stack.shards.servers["postgres-1"].replica)
    received: list[int] = []

    def kill(writer: Writer) -> None:
        received.extend(writer.acknowledged)
        await_true(lambda: rows(stack, replica) >= set(received))
        os.kill(stack.pid("postgres-1"), signal.SIGKILL)

    acknowledged, stored = promote_under_writes(stack, "postgres-1", kill)
    assert stored >= set(received)
    lost = [number for number in acknowledged if number not in stored]
    if lost:
        first = acknowledged.index(lost[0])
        assert acknowledged[first : first + len(lost)] == lost


def test_a_replica_that_does_not_run_is_not_promoted_and_its_primary_goes_on(stack: Databases) -> None:
    stack.supervisor.stop(["postgres-2-replica"])
    await_true(lambda: stack.pid("postgres-2-replica") == 0)
    with pytest.raises(StackError, match=r"^postgres-2-replica does not run and cannot be promoted$"):
        promotion.promote(stack.supervisor, stack.map_file, "postgres-2", stack.url("postgres-2-replica"), ignore)
    assert stack.pid("postgres-2")
    assert stack.shards.servers["postgres-2"].replica is not None
