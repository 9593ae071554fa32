"""Moving a logical shard while the service writes, and moves that are killed half way."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event

import psycopg
import pytest

from service.admin.migration import MigrationError, migrate
from service.admin.moving import MoveError, move
from service.domain.errors import UnavailableError
from service.domain.ids import LARGEST, compose, shard_of
from service.stores.postgres import Accounts, Comments, Likes, Photos, shard_map
from service.stores.postgres.router import ShardRouter
from tests.servers import Servers, wait_until

ROOT = Path(__file__).parents[3]
STEPS = ["locked", "copied", "handed over", "mapped"]
SHARD = 2
# The map gives shard 2 to the first of the two.
HERE, THERE = "postgres-1", "postgres-2"


class KilledError(Exception):
    """Stands for a kill: whatever was not committed is gone."""


@pytest.fixture
def path(fresh_shards: Path) -> Path:
    """A migrated shard map."""
    migrate(fresh_shards)
    return fresh_shards


@pytest.fixture
def shards(path: Path) -> Iterator[ShardRouter]:
    shards = ShardRouter(path, 8, 5.0, lambda seconds: None)
    yield shards
    shards.close()


def ignore(_step: str) -> None:
    """Go on."""


def schemas(path: Path, server: str) -> list[str]:
    with psycopg.connect(shard_map.read(path).servers[server].primary, prepare_threshold=None) as connection:
        found = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'shard%' ORDER BY 1")
        return [name for (name,) in found]


def publish(shards: ShardRouter) -> int:
    photos = Photos(shards)
    photo_id = photos.next_photo_id(compose(1, SHARD))
    assert photos.insert_photo(photo_id, compose(1, SHARD), "key", "tab\t, newline\n, 'quote', \\ and ✓")
    return photo_id


def test_a_moved_shard_is_as_it_was(path: Path, shards: ShardRouter) -> None:
    photo = publish(shards)
    for user in range(100):
        Likes(shards).add_like(photo, user)
    comment = Comments(shards).add_comment(photo, 5, "a comment")
    before = Photos(shards).find_photo(photo)
    steps: list[str] = []
    moved = move(path, SHARD, THERE, steps.append)
    assert moved is not None
    assert (moved.source, moved.rows) == (HERE, 102)
    assert steps == STEPS
    assert shard_map.read(path).shards == (HERE, THERE, THERE, THERE)
    assert schemas(path, HERE) == ["shard_0000"]
    assert schemas(path, THERE) == ["shard_0001", "shard_0002", "shard_0003"]
    assert Photos(shards).find_photo(photo) == before
    assert Comments(shards).find_comments(photo, 0, 9, fresh=True) == [comment]
    state = Photos(shards).find_state(photo)
    assert state is not None
    assert state.likes == 100
    assert publish(shards) > photo
    assert migrate(path) == {}
    assert move(path, SHARD, THERE, ignore) is None


def test_nothing_is_lost_while_the_service_writes(path: Path, shards: ShardRouter) -> None:
    accounts, photos, likes = Accounts(shards), Photos(shards), Likes(shards)
    target = publish(shards)
    ended = Event()

    def write(writer: int) -> tuple[list[int], list[int], list[str]]:
        liked, published, names = [], [], []
        turn = 0
        while not ended.is_set():
            turn += 1
            user = writer * 1_000_000 + turn
            outcome = likes.add_like(target, user)
            assert outcome is not None
            assert outcome.changed
            liked.append(user)
            published.append(publish(shards))
            if accounts.create_user(f"mover{user}", "hash"):
                names.append(f"mover{user}")
        return liked, published, names

    def published_ids() -> list[int]:
        return photos.newest_of(compose(1, SHARD), LARGEST, 100_000, True)

    def has(enough: int) -> bool:
        return len(published_ids()) >= enough

    with ThreadPoolExecutor(4) as threads:
        writers = [threads.submit(write, writer) for writer in range(4)]
        try:
            for server in (THERE, HERE, THERE):
                enough = len(published_ids()) + 8
                assert move(path, SHARD, server, ignore) is not None
                wait_until(partial(has, enough), lambda: not any(writer.done() for writer in writers))
        finally:
            ended.set()
        results = [writer.result() for writer in writers]
    stored = {user for (user,) in shards.rows(SHARD, "SELECT user_id FROM {shard}.likes")}
    assert stored == {user for liked, _, _ in results for user in liked}
    ids = [photo_id for _, published, _ in results for photo_id in published]
    assert len(set(ids)) == len(ids), "ids are given once"
    assert set(published_ids()) == {target, *ids}
    state = photos.find_state(target)
    assert state is not None
    assert state.likes == len(stored)
    assert all(accounts.find_credentials(name) for _, _, names in results for name in names)


@pytest.mark.parametrize("last", STEPS)
def test_a_move_that_died_after_any_step_is_finished_by_the_same_command(
    path: Path, shards: ShardRouter, last: str
) -> None:
    photo = publish(shards)

    def die(step: str) -> None:
        if step == last:
            raise KilledError

    with pytest.raises(KilledError):
        move(path, SHARD, THERE, die)
    if last != "handed over":
        assert Likes(shards).add_like(photo, 1) is not None, "the shard works on one of the servers"
    else:
        with pytest.raises(MigrationError, match="being moved away"):
            migrate(path)
        with pytest.raises(MoveError, match="half way to postgres-2"):
            move(path, SHARD, HERE, ignore)
    moved = move(path, SHARD, THERE, ignore)
    assert (moved is None) == (last == "mapped")
    assert schemas(path, HERE) == ["shard_0000"]
    assert schemas(path, THERE) == ["shard_0001", "shard_0002", "shard_0003"]
    likes = Likes(shards).add_like(photo, 2)
    assert likes is not None
    assert likes.likes == (1 if last == "handed over" else 2)


def test_a_killed_process_loses_nothing(servers: Servers, path: Path, shards: ShardRouter) -> None:
    photos = [publish(shards) for _ in range(20)]
    command = [sys.executable, "-m", "service", "move-shard", str(SHARD), THERE]
    environment = os.environ | servers.environment() | {"LIKESTORM_SHARDS": str(path)}
    for last in STEPS[:3]:
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout is not None
            assert last + "\n" in iter(running.stdout.readline, "")
            running.send_signal(signal.SIGKILL)
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert schemas(path, THERE) == ["shard_0001", "shard_0002", "shard_0003"]
    assert set(Photos(shards).find_photos(photos)) == set(photos)


def test_writers_are_not_kept_waiting_for_longer_than_their_deadline(path: Path, shards: ShardRouter) -> None:
    photo = publish(shards)
    impatient = ShardRouter(path, 2, 0.2, lambda seconds: None)

    def write_meanwhile(step: str) -> None:
        if step == "locked":
            with pytest.raises(UnavailableError):
                Likes(impatient).add_like(photo, 1)
            assert Photos(impatient).find_photo(photo) is not None, "readers do not wait"

    try:
        assert move(path, SHARD, THERE, write_meanwhile) is not None
    finally:
        impatient.close()
    outcome = Likes(shards).add_like(photo, 1)
    assert outcome is not None
    assert outcome.changed, "the writer that gave up wrote nothing"
    assert shard_of(photo) == SHARD


@pytest.mark.parametrize(
    ("shard", "server", "message"), [(4, THERE, "no shard 4"), (0, "postgres-9", "no server 'postgres-9'")]
)
def test_what_cannot_be_moved_is_refused(path: Path, shard: int, server: str, message: str) -> None:
    with pytest.raises(MoveError, match=message):
        move(path, shard, server, ignore)


def test_a_shard_that_lacks_a_migration_is_not_moved(path: Path) -> None:
    with psycopg.connect(shard_map.read(path).servers[HERE].primary, prepare_threshold=None) as connection:
        connection.execute("DELETE FROM shard_0002.schema_migrations WHERE name = '0001_initial.sql'")
    with pytest.raises(MoveError, match="today's schema"):
        move(path, SHARD, THERE, ignore)
    assert schemas(path, THERE) == ["shard_0001", "shard_0003"]
