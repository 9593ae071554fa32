"""Worker processes that are killed in the middle of a job, or told to end."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
from redis import Redis
from rq import Queue
from rq.job import JobStatus
from rq.registry import FailedJobRegistry

from service.catalog import FANOUT, PUSH, SHARE, THUMBNAILS
from service.config import Config
from service.domain.ids import shard_of
from tests.fakes import KEY_ID, TEAM_ID, TOPIC, Fakes, fakes
from tests.servers import LOGICAL_SHARDS, Servers, standing_still, wait_until
from tests.service.conftest import Member, jpeg
from tests.service.workers import job_of, open_empty_queue, open_queue, worker_processes, workers_of

# Longer than the tests hold their locks.
PATIENT = {"LIKESTORM_BACKEND_TIMEOUT_S": "30"}
SOON_S = 5.0
"""Within this a killed worker's job is done by another one: a second's wait, and a second until somebody looks."""


@pytest.fixture
def connection(config: Config) -> Iterator[Redis]:
    """A Redis without any job or worker."""
    connection = Redis.from_url(config.redis_url)
    for name in (PUSH, FANOUT, THUMBNAILS, SHARE):
        open_empty_queue(name, connection)
    yield connection
    connection.close()


@contextmanager
def locked(servers: Servers, shard: int, table: str) -> Iterator[None]:
    """Nobody can write to this table of this shard for the while."""
    url = servers.postgres_urls[shard % len(servers.postgres_urls)]
    with psycopg.connect(url) as database:
        database.execute(f"LOCK TABLE shard_{shard:04}.{table} IN SHARE ROW EXCLUSIVE MODE".encode())
        yield
        database.rollback()


def started(queue: Queue, job_id: str) -> Callable[[], bool]:
    return lambda: job_of(queue, job_id).get_status() == JobStatus.STARTED


def worker_of(queue: Queue, job_id: str) -> int:
    """The process id of who runs the job."""
    return int(str(job_of(queue, job_id).worker_name).rpartition(".")[2])


def has_thumbnail(member: Member, photo: str) -> Callable[[], bool]:
    return lambda: bool(member.ask("GET", f"/photos/{photo}").json["thumbnail_url"])


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


@pytest.mark.timed
def test_a_killed_workers_thumbnail_is_made_soon_by_another(
    connection: Redis, servers: Servers, member: Member, tmp_path: Path
) -> None:
    queue = open_queue(THUMBNAILS, connection)
    with worker_processes(
        THUMBNAILS, servers, lambda: len(workers_of(queue)) == 2, tmp_path, "--count", "2", **PATIENT
    ):
        before = workers_of(queue)
        with ExitStack() as lock:
            # Until the lock is there, or it could be done before.
            with standing_still(*before.values()):
                photo = member.publish(jpeg())
                lock.enter_context(locked(servers, shard_of(int(photo)), "photos"))
            job_id = f"thumbnail-{photo}"
            wait_until(started(queue, job_id))
            killed = worker_of(queue, job_id)
            os.kill(killed, signal.SIGKILL)
        since = time.monotonic()
        wait_until(has_thumbnail(member, photo))
        wait_until(lambda: not connection.exists(f"rq:job:{job_id}"))
        assert time.monotonic() - since < SOON_S
        wait_until(
            lambda: set(workers_of(queue)) == set(before) == {f"worker-{THUMBNAILS}-1", f"worker-{THUMBNAILS}-2"}
        )
        assert killed not in workers_of(queue).values()
        assert FailedJobRegistry(queue=queue).count == 0
    assert {file.name for file in tmp_path.glob("counter_*.db")} == {"counter_0.db", "counter_1.db"}


def test_a_killed_workers_photo_is_in_each_feed_once(
    connection: Redis, servers: Servers, member: Member, other: Member, tmp_path: Path
) -> None:
    queue = open_queue(FANOUT, connection)
    assert other.ask("PUT", f"/users/{member.id}/follow").status_code in {200, 201}
    assert other.ask("GET", "/feed").json["photos"] == []
    photo = member.publish(jpeg(), caption="my #dog")
    job_id = f"fanout-{photo}"
    with (
        locked_everywhere(servers, "tags"),
        worker_processes(
            FANOUT,
            servers,
            lambda: connection.exists(f"rq:job:{job_id}") == 1 and started(queue, job_id)(),
            tmp_path,
            **PATIENT,
        ) as running,
    ):
        os.kill(worker_of(queue, job_id), signal.SIGKILL)
        wait_until(lambda: job_of(queue, job_id).get_status() != JobStatus.STARTED)
        assert running.poll() is None
    with worker_processes(FANOUT, servers, lambda: not connection.exists(f"rq:job:{job_id}"), tmp_path):
        assert [shown["id"] for shown in other.ask("GET", "/feed").json["photos"]] == [photo]
        assert [shown["id"] for shown in other.ask("GET", "/tags/dog/photos").json["photos"]] == [photo]
    assert FailedJobRegistry(queue=queue).count == 0


@contextmanager
def locked_everywhere(servers: Servers, table: str, shard: int = 0) -> Iterator[None]:
    """The same on all shards."""
    if shard == LOGICAL_SHARDS:
        yield
        return
    with locked(servers, shard, table), locked_everywhere(servers, table, shard + 1):
        yield


@pytest.mark.timed
def test_all_killed_at_once_lose_nothing(connection: Redis, servers: Servers, member: Member, tmp_path: Path) -> None:
    queue = open_queue(THUMBNAILS, connection)
    photo = member.publish(jpeg())
    job_id = f"thumbnail-{photo}"
    with (
        locked(servers, shard_of(int(photo)), "photos"),
        worker_processes(THUMBNAILS, servers, started(queue, job_id), tmp_path, **PATIENT) as running,
    ):
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    since = time.monotonic()
    with worker_processes(THUMBNAILS, servers, has_thumbnail(member, photo), tmp_path):
        assert time.monotonic() - since < 2 * SOON_S
    assert FailedJobRegistry(queue=queue).count == 0


def test_workers_end_when_their_parent_is_killed(connection: Redis, servers: Servers, tmp_path: Path) -> None:
    queue = open_queue(THUMBNAILS, connection)
    with worker_processes(
        THUMBNAILS, servers, lambda: len(workers_of(queue)) == 2, tmp_path, "--count", "2"
    ) as running:
        workers = workers_of(queue)
        running.kill()
        running.wait()
        wait_until(lambda: all(gone(pid) for pid in workers.values()))
    assert workers_of(queue) == {}


def test_a_worker_that_is_told_to_end_finishes_its_job(
    connection: Redis, servers: Servers, member: Member, tmp_path: Path
) -> None:
    queue = open_queue(THUMBNAILS, connection)
    photo = member.publish(jpeg())
    with worker_processes(THUMBNAILS, servers, lambda: bool(workers_of(queue)), tmp_path, **PATIENT) as running:
        wait_until(has_thumbnail(member, photo))
        [worker] = workers_of(queue).values()
        # Until the lock is there, or it could be done before.
        with ExitStack() as lock:
            with standing_still(worker):
                later = member.publish(jpeg())
                lock.enter_context(locked(servers, shard_of(int(photo)), "photos"))
            job_id = f"thumbnail-{later}"
            wait_until(started(queue, job_id))
            running.send_signal(signal.SIGTERM)
        assert running.wait(60) == 0
    assert has_thumbnail(member, later)()
    assert workers_of(queue) == {}
    assert not connection.exists(f"rq:job:{job_id}")


@pytest.fixture(scope="module")
def running_fakes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fakes]:
    with fakes(tmp_path_factory.mktemp("fakes")) as running:
        yield running


@pytest.fixture
def outside(running_fakes: Fakes) -> Fakes:
    running_fakes.forget()
    return running_fakes


def of_fakes(outside: Fakes) -> dict[str, str]:
    """What a worker has to know of them."""
    return {
        "LIKESTORM_PUSH_URL": outside.push_url,
        "LIKESTORM_PUSH_CA": str(outside.folder / "authority.pem"),
        "LIKESTORM_PUSH_KEY": str(outside.folder / "provider-key.pem"),
        "LIKESTORM_PUSH_KEY_ID": KEY_ID,
        "LIKESTORM_PUSH_TEAM_ID": TEAM_ID,
        "LIKESTORM_PUSH_TOPIC": TOPIC,
        "LIKESTORM_SHARE_NETWORKS": f"alpha={outside.url}/alpha,beta={outside.url}/beta",
    }


def test_a_killed_workers_push_is_sent_again_at_most_once(
    connection: Redis, servers: Servers, member: Member, other: Member, outside: Fakes, tmp_path: Path
) -> None:
    queue = open_queue(PUSH, connection)
    assert member.ask("POST", "/devices", json={"token": "ab" * 32}).status_code in {200, 201, 204}
    photo = member.publish(jpeg())
    outside.tell("push", delay=15, times=1)
    with worker_processes(PUSH, servers, lambda: bool(workers_of(queue)), tmp_path, **of_fakes(outside)):
        [worker] = workers_of(queue).values()
        assert other.ask("PUT", f"/photos/{photo}/like").status_code == 201
        wait_until(lambda: outside.counts()["received"] == 1)
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: outside.counts()["duplicates"] == 1)
        wait_until(lambda: not connection.keys("rq:job:push-*"))
        counts = outside.counts()
        assert (counts["received"], counts["duplicates"]) == (2, 1)
    told = member.ask("GET", "/activity").json["events"]
    assert [(event["kind"], event["photo_id"]) for event in told] == [("like", photo)]
    assert FailedJobRegistry(queue=queue).count == 0


def test_a_killed_workers_photo_is_shared_again_at_most_once(
    connection: Redis, servers: Servers, member: Member, outside: Fakes, tmp_path: Path
) -> None:
    queue = open_queue(SHARE, connection)
    outside.tell("alpha", delay=15, times=1)
    with worker_processes(SHARE, servers, lambda: bool(workers_of(queue)), tmp_path, **of_fakes(outside), **PATIENT):
        [worker] = workers_of(queue).values()
        photo = member.publish(jpeg(), share_to=["alpha", "beta"])
        wait_until(lambda: outside.counts("alpha")["received"] == 1)
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: outside.counts("alpha")["duplicates"] == 1)
        wait_until(lambda: not connection.keys(f"rq:job:share-*-{photo}"))
        received = {name: outside.counts(name) for name in ("alpha", "beta")}
        assert {name: (counts["received"], counts["duplicates"]) for name, counts in received.items()} == {
            "alpha": (2, 1), "beta": (1, 0),
        }  # fmt: skip
    assert FailedJobRegistry(queue=queue).count == 0
