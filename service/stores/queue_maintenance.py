"""What a queue needs beside its workers: retries that are due, and the jobs that a killed worker had in hand.

RQ's workers can do this themselves, but slowly: a killed worker's job is seen after the job's time-out and a minute
more, and RQ's scheduler stands still for a minute when its process is killed. Here both take seconds.
"""

import socket
import time
from pathlib import Path

import redis
from rq import Queue
from rq.registry import StartedJobRegistry
from rq.scheduler import RQScheduler
from rq.serializers import JSONSerializer
from rq.worker import SimpleWorker

from service.stores.redis import needs_redis

DEAD_WORKERS_INTERVAL_S = 10.0
STUCK_S = 5.0
"""A job that was taken from the queue so long ago and never started is lost with its worker."""

_EXPIRED = 1
"""A moment in 1970, as the end of an execution."""


class QueueMaintenance:
    """Maintains one queue, once a second; of several processes that do so, one acts.

    name: of this process, the same after a restart: RQ's lock of the scheduler outlives its owner by a minute.
    """

    def __init__(self, queue: str, client: redis.Redis, name: str) -> None:
        self._client = client
        self._queue = Queue(queue, connection=client, serializer=JSONSerializer)
        self._scheduler = RQScheduler(
            [queue], connection=client, logging_level="WARNING", serializer=JSONSerializer, name=name
        )
        self._dead_sought_at = -DEAD_WORKERS_INTERVAL_S
        self._taken_since: dict[str, float] = {}

    @needs_redis
    def run(self) -> None:
        """Enqueue due retries and give back lost jobs; UnavailableError when Redis is away."""
        if not self._scheduler.acquire_locks():  # type: ignore[no-untyped-call]
            return
        self._scheduler.enqueue_scheduled_jobs()  # type: ignore[no-untyped-call]
        self._give_back_stuck()
        if time.monotonic() - self._dead_sought_at >= DEAD_WORKERS_INTERVAL_S:
            self._dead_sought_at = time.monotonic()
            self._release_dead()

    @needs_redis
    def release(self, name: str) -> None:
        """Have the jobs of the dead worker of this name done again; that uses up an attempt of each."""
        worker = _find_worker(f"{SimpleWorker.redis_worker_namespace_prefix}{name}", self._client)
        if worker is not None:
            self._release(worker)

    def _give_back_stuck(self) -> None:
        """Jobs whose worker died between taking them and registering that."""
        now = time.monotonic()
        taken = self._queue.intermediate_queue.get_job_ids()
        self._taken_since = {job_id: self._taken_since.get(job_id, now) for job_id in taken}
        stuck = [job_id for job_id, since in self._taken_since.items() if now - since >= STUCK_S]
        if not stuck:
            return
        started = set(self._queue.started_job_registry.get_job_ids(cleanup=False))
        for job_id in set(stuck) - started:
            with self._client.pipeline() as pipeline:
                # A job that was enqueued twice and done since has left only its id: workers skip it.
                self._queue.push_job_id(job_id, pipeline=pipeline, at_front=True)
                pipeline.lrem(self._queue.intermediate_queue_key, 1, job_id)
                pipeline.execute()

    def _release_dead(self) -> None:
        """Workers of this machine whose process is gone, and their parent with it."""
        for key in SimpleWorker.all_keys(queue=self._queue):
            worker = _find_worker(key, self._client)
            if worker is not None and worker.hostname == socket.gethostname() and not _lives(worker.pid):
                self._release(worker)

    def _release(self, worker: SimpleWorker) -> None:
        started: StartedJobRegistry = self._queue.started_job_registry
        for execution in worker.get_current_executions():
            self._client.zadd(started.key, {execution.composite_key: _EXPIRED}, xx=True)
        worker.register_death()  # type: ignore[no-untyped-call]
        started.cleanup()


def _find_worker(key: str, client: redis.Redis) -> SimpleWorker | None:
    return SimpleWorker.find_by_key(key, connection=client, serializer=JSONSerializer)  # type: ignore[return-value]


def _lives(pid: int | None) -> bool:
    """Whether there is such a process, and not only the remains of one that its parent has not reaped."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"
