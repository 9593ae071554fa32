"""What happens to jobs whose worker died, on a real Redis."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis
from rq import Queue
from rq.job import JobStatus
from rq.registry import FailedJobRegistry, ScheduledJobRegistry
from rq.serializers import JSONSerializer
from rq.worker import SimpleWorker

from service.catalog import THUMBNAILS
from service.domain.errors import UnavailableError
from service.stores import queue_maintenance as maintenance_module
from service.stores.queue import POLICIES, JobQueue
from service.stores.queue_maintenance import QueueMaintenance
from service.stores.redis import connect_redis
from tests.servers import free_port, redis
from tests.service.workers import job_of, open_queue

JOB = "thumbnail-7"


@pytest.fixture(scope="module")
def server() -> Iterator[Redis]:
    with redis() as url:
        connection = Redis.from_url(url)
        yield connection
        connection.close()


@pytest.fixture
def queue(server: Redis) -> Queue:
    """The queue of thumbnails, with one job."""
    server.flushdb()
    JobQueue(server, lambda _queue, _seconds: None).enqueue_thumbnail(7, time.time())
    return open_queue(THUMBNAILS, server)


@pytest.fixture
def maintenance(queue: Queue) -> QueueMaintenance:
    return QueueMaintenance(queue.name, queue.connection, "parent")


def scheduled(queue: Queue) -> ScheduledJobRegistry:
    return ScheduledJobRegistry(queue=queue)  # type: ignore[no-untyped-call]


def take(queue: Queue, name: str, pid: int, hostname: str) -> SimpleWorker:
    """A worker of that process that has begun the job."""
    worker = SimpleWorker([queue], name=name, connection=queue.connection, serializer=JSONSerializer)
    worker.pid, worker.hostname = pid, hostname
    worker.register_birth()  # type: ignore[no-untyped-call]
    taken = Queue.dequeue_any([queue], None, connection=queue.connection, serializer=JSONSerializer)
    assert taken
    job, _ = taken
    worker.prepare_execution(job)
    worker.prepare_job_execution(job, remove_from_intermediate_queue=True)
    return worker


def dead_process() -> int:
    """The id of a process that is no more."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def test_only_what_is_due_is_enqueued(maintenance: QueueMaintenance, queue: Queue) -> None:
    job = job_of(queue, JOB)
    queue.empty()  # type: ignore[no-untyped-call]
    job.save()
    now = datetime.now(UTC)
    scheduled(queue).schedule(job, now + timedelta(seconds=60))
    maintenance.run()
    assert (queue.job_ids, scheduled(queue).get_job_ids()) == ([], [JOB])
    scheduled(queue).schedule(job, now - timedelta(seconds=1))
    queue.connection.zadd(scheduled(queue).key, {"deleted-since": 1})
    maintenance.run()
    assert (queue.job_ids, scheduled(queue).get_job_ids()) == ([JOB], [])


def test_of_two_parents_one_maintains_the_queue_and_after_a_restart_goes_on(
    maintenance: QueueMaintenance, queue: Queue
) -> None:
    job = job_of(queue, JOB)
    queue.empty()  # type: ignore[no-untyped-call]
    job.save()
    maintenance.run()
    scheduled(queue).schedule(job, datetime.now(UTC) - timedelta(seconds=1))
    QueueMaintenance(queue.name, queue.connection, "another").run()
    assert scheduled(queue).get_job_ids() == [JOB]
    QueueMaintenance(queue.name, queue.connection, "parent").run()
    assert (queue.job_ids, scheduled(queue).get_job_ids()) == ([JOB], [])


def test_what_a_dead_worker_had_in_hand_uses_up_its_attempts(maintenance: QueueMaintenance, queue: Queue) -> None:
    waits = POLICIES[THUMBNAILS].waits_s
    for left, wait in zip(range(len(waits) - 1, -1, -1), waits, strict=True):
        take(queue, "worker", 1, "elsewhere")
        before = int(time.time())
        maintenance.release("worker")
        assert job_of(queue, JOB).retries_left == left
        due = scheduled(queue).get_scheduled_time(JOB).timestamp()
        assert before + wait <= due <= before + wait + 2
        scheduled(queue).schedule(job_of(queue, JOB), datetime.now(UTC) - timedelta(seconds=1))
        maintenance.run()
    take(queue, "worker", 1, "elsewhere")
    maintenance.release("worker")
    assert FailedJobRegistry(queue=queue).get_job_ids() == [JOB]
    assert (queue.job_ids, scheduled(queue).get_job_ids()) == ([], [])


def test_nobody_is_released_twice(maintenance: QueueMaintenance, queue: Queue) -> None:
    take(queue, "worker", 1, "elsewhere")
    maintenance.release("worker")
    maintenance.release("worker")
    maintenance.release("nobody")
    assert job_of(queue, JOB).retries_left == len(POLICIES[THUMBNAILS].waits_s) - 1


@pytest.mark.parametrize(
    ("alive", "here", "released"), [(False, True, True), (True, True, False), (False, False, False)]
)
def test_dead_processes_of_this_machine_are_found(
    maintenance: QueueMaintenance, queue: Queue, alive: bool, here: bool, released: bool
) -> None:
    take(queue, "worker", os.getpid() if alive else dead_process(), socket.gethostname() if here else "elsewhere")
    maintenance.run()
    assert scheduled(queue).get_job_ids() == ([JOB] if released else [])
    assert job_of(queue, JOB).get_status() == (JobStatus.SCHEDULED if released else JobStatus.STARTED)


def test_a_job_that_was_taken_and_never_begun_goes_back(
    maintenance: QueueMaintenance, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    Queue.dequeue_any([queue], None, connection=queue.connection, serializer=JSONSerializer)
    maintenance.run()
    assert queue.job_ids == []
    monkeypatch.setattr(maintenance_module, "STUCK_S", 0)
    maintenance.run()
    assert (queue.job_ids, queue.intermediate_queue.get_job_ids()) == ([JOB], [])
    assert job_of(queue, JOB).retries_left == len(POLICIES[THUMBNAILS].waits_s)


def test_a_job_that_runs_is_left_alone(
    maintenance: QueueMaintenance, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance_module, "STUCK_S", 0)
    take(queue, "worker", os.getpid(), socket.gethostname())
    queue.connection.rpush(queue.intermediate_queue_key, JOB)
    maintenance.run()
    assert queue.job_ids == []


def test_without_redis_it_says_so() -> None:
    maintenance = QueueMaintenance(THUMBNAILS, connect_redis(f"redis://127.0.0.1:{free_port()}/0", 0.2), "parent")
    with pytest.raises(UnavailableError, match="redis"):
        maintenance.run()
    with pytest.raises(UnavailableError, match="redis"):
        maintenance.release("worker")
