"""Handing out jobs, on a real Redis."""

import time
from collections.abc import Iterator

import pytest
from redis import Redis
from rq.serializers import JSONSerializer

from service.catalog import FANOUT, PUSH, QUEUES, SHARE, THUMBNAILS
from service.domain.errors import UnavailableError
from service.stores.queue import POLICIES, JobQueue
from service.stores.redis import connect_redis
from tests.servers import free_port, redis
from tests.service.workers import job_of, open_queue


@pytest.fixture(scope="module")
def server() -> Iterator[Redis]:
    with redis() as url:
        connection = Redis.from_url(url)
        yield connection
        connection.close()


@pytest.fixture
def connection(server: Redis) -> Redis:
    """An empty Redis."""
    server.flushdb()
    return server


@pytest.fixture
def handed_out() -> list[tuple[str, float]]:
    return []


@pytest.fixture
def jobs(connection: Redis, handed_out: list[tuple[str, float]]) -> JobQueue:
    return JobQueue(connection, lambda queue, seconds: handed_out.append((queue, seconds)))


def waiting(connection: Redis) -> dict[str, list[tuple[str, tuple[object, ...]]]]:
    """The names and arguments of the jobs in each queue that has some."""
    queues = {name: open_queue(name, connection) for name in QUEUES}
    found = {name: [job_of(queue, job_id) for job_id in queue.job_ids] for name, queue in queues.items()}
    return {name: [(str(job.func_name), tuple(job.args)) for job in jobs] for name, jobs in found.items() if jobs}


def test_each_kind_of_work_has_its_queue(jobs: JobQueue, connection: Redis) -> None:
    jobs.enqueue_thumbnail(2**62, 1.5)
    jobs.enqueue_fanout(2**62, 1.5)
    jobs.enqueue_share(2**62, "alpha", 1.5)
    jobs.enqueue_push("batch")
    assert waiting(connection) == {
        THUMBNAILS: [("thumbnails.make", (2**62, 1.5))],
        FANOUT: [("fanout.publish", (2**62, 1.5))],
        SHARE: [("share.post", (2**62, "alpha", 1.5))],
        PUSH: [("push.deliver", ("batch",))],
    }


def test_all_that_follows_an_upload_is_one_round_trip(
    jobs: JobQueue, connection: Redis, handed_out: list[tuple[str, float]]
) -> None:
    jobs.enqueue_upload(1, ["alpha"], 1.5)
    connection.flushdb()
    handed_out.clear()
    before = _transactions(connection)
    jobs.enqueue_upload(7, ["alpha", "beta"], 1.5)
    assert _transactions(connection) - before == 1
    assert waiting(connection) == {
        THUMBNAILS: [("thumbnails.make", (7, 1.5))],
        FANOUT: [("fanout.publish", (7, 1.5))],
        SHARE: [("share.post", (7, "alpha", 1.5)), ("share.post", (7, "beta", 1.5))],
    }
    assert [queue for queue, _ in handed_out] == [THUMBNAILS, FANOUT, SHARE, SHARE]
    assert all(0 < seconds < 1 for _, seconds in handed_out)


def _transactions(connection: Redis) -> int:
    return int(connection.info("commandstats").get("cmdstat_exec", {}).get("calls", 0))


def test_a_job_waits_longer_before_each_attempt_and_is_kept_when_it_fails(jobs: JobQueue, connection: Redis) -> None:
    jobs.enqueue_upload(7, ["alpha"], time.time())
    for queue, job_id in ((THUMBNAILS, "thumbnail-7"), (FANOUT, "fanout-7"), (SHARE, "share-alpha-7")):
        job = job_of(open_queue(queue, connection), job_id)
        waits = POLICIES[queue].waits_s
        assert sorted(waits) == list(waits)
        assert job.retry_intervals == list(waits)
        assert (job.retries_left, job.timeout) == (len(waits), POLICIES[queue].timeout_s)
        assert (job.result_ttl, job.failure_ttl) == (0, 7 * 86_400)
        assert job.serializer is JSONSerializer


def test_without_redis_nothing_is_handed_out() -> None:
    handed_out: list[str] = []
    client = connect_redis(f"redis://127.0.0.1:{free_port()}/0", 0.2)
    jobs = JobQueue(client, lambda queue, _seconds: handed_out.append(queue))
    with pytest.raises(UnavailableError, match="redis"):
        jobs.enqueue_upload(1, [], 1.5)
    assert handed_out == []
