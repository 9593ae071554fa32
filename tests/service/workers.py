"""What the tests of queues and workers share."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from rq import Queue, worker_registration
from rq.job import Job
from rq.registry import FailedJobRegistry, ScheduledJobRegistry
from rq.serializers import JSONSerializer
from rq.worker import SimpleWorker

from tests.servers import Servers, process

ROOT = Path(__file__).parents[2]


def open_queue(name: str, connection: Redis) -> Queue:
    return Queue(name, connection=connection, serializer=JSONSerializer)


def open_empty_queue(name: str, connection: Redis) -> Queue:
    """Without what another test has left of its jobs and workers."""
    queue = open_queue(name, connection)
    queue.delete()
    for registry in (FailedJobRegistry(queue=queue), ScheduledJobRegistry(queue=queue)):  # type: ignore[no-untyped-call]
        connection.delete(registry.key)
    workers = [key.encode() for key in worker_registration.get_keys(queue)]
    if workers:
        connection.delete(worker_registration.WORKERS_BY_QUEUE_KEY % name, *workers)
        connection.srem(worker_registration.REDIS_WORKER_KEYS, *workers)
    return queue


def job_of(queue: Queue, job_id: str) -> Job:
    return Job.fetch(job_id, connection=queue.connection, serializer=JSONSerializer)


def work_off(worker: SimpleWorker, logging_level: str = "CRITICAL") -> None:
    """Run what is in the queue, here and now."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        worker.work(burst=True, logging_level=logging_level)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        worker.connection.close()


@contextmanager
def worker_processes(
    queue: str, servers: Servers, ready: Callable[[], bool], metrics: Path, *options: str, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m service.worker`, as the instance worker-QUEUE."""
    variables = os.environ | servers.environment()
    variables |= {"LIKESTORM_INSTANCE": f"worker-{queue}", "PROMETHEUS_MULTIPROC_DIR": str(metrics)} | environment
    command = [sys.executable, "-m", "service.worker", queue, *options]
    with process(command, ready, env=variables, cwd=ROOT) as running:
        yield running


def workers_of(queue: Queue) -> dict[str, int]:
    """The process ids of the workers that have registered, by their instances."""
    names = [key.removeprefix("rq:worker:") for key in worker_registration.get_keys(queue)]
    return {name.rpartition(".")[0]: int(name.rpartition(".")[2]) for name in names}
