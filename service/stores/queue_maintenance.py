"""What a queue needs beside its workers: retries that are due, and jobs that a dead worker had in hand."""

import os
import socket
import time
from pathlib import Path

import redis
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.executions import ExecutionRegistry
from rq.job import Job
from rq.registry import ScheduledJobRegistry, StartedJobRegistry, clean_registries
from rq.serializers import JSONSerializer
from rq.worker import SimpleWorker
from rq.worker_registration import clean_worker_registry

from service.domain.errors import UnavailableError

INTERVAL_S = 1.0
CLEANING_INTERVAL_S = 10.0
STUCK_S = 5.0
"""After how long a job that was taken from the queue, but never started, counts as lost with who took it."""

_STARTED_LONG_AGO = 1


class QueueMaintenance:
    """Looks after one queue once a second, whoever else does so.

    RQ would do the same in each worker, ten minutes apart unless told otherwise; what a dead worker had in hand it
    gives up only when its heartbeat has run out.
    """

    def __init__(self, queue: str, client: redis.Redis) -> None:
        self._client = client
        self._queue = Queue(queue, connection=client, serializer=JSONSerializer)
        self._turn = f"likestorm:maintenance:{queue}"
        self._cleaned_at = -CLEANING_INTERVAL_S
        self._taken_since: dict[str, float] = {}

    def look_after(self) -> None:
        """Enqueue what is due and give back what is lost; UnavailableError when Redis is away."""
        try:
            if not self._client.set(self._turn, os.getpid(), nx=True, px=int(INTERVAL_S * 900)):
                return
            self._enqueue_due()
            self._give_back_stuck()
            if time.monotonic() - self._cleaned_at >= CLEANING_INTERVAL_S:
                self._cleaned_at = time.monotonic()
                self._release_dead()
                clean_registries(self._queue)
                clean_worker_registry(self._queue)
        except redis.RedisError as error:
            raise UnavailableError("redis", error) from error

    def release(self, name: str) -> None:
        """Have done again what the dead worker of this name had in hand; an attempt is used up by it."""
        try:
            worker = self._find_worker(f"{SimpleWorker.redis_worker_namespace_prefix}{name}")
            if worker is not None:
                self._release(worker)
        except redis.RedisError as error:
            raise UnavailableError("redis", error) from error

    def _enqueue_due(self) -> None:
        waiting = ScheduledJobRegistry(queue=self._queue)  # type: ignore[no-untyped-call]
        for job_id in waiting.get_jobs_to_schedule():
            try:
                job = Job.fetch(job_id, connection=self._client, serializer=JSONSerializer)
            except NoSuchJobError:
                waiting.remove(job_id)
                continue
            with self._client.pipeline() as pipeline:
                self._queue.enqueue_job(job, pipeline=pipeline)
                waiting.remove(job_id, pipeline=pipeline)
                pipeline.execute()

    def _give_back_stuck(self) -> None:
        """Jobs whose worker died between taking them and saying so."""
        now = time.monotonic()
        taken = self._queue.intermediate_queue.get_job_ids()
        self._taken_since = {job_id: self._taken_since.get(job_id, now) for job_id in taken}
        stuck = [job_id for job_id, since in self._taken_since.items() if now - since >= STUCK_S]
        if not stuck:
            return
        started = set(self._queue.started_job_registry.get_job_ids(cleanup=False))
        for job_id in stuck:
            if job_id in started:
                continue
            with self._client.pipeline() as pipeline:
                # Of a job that was enqueued twice and done since, only the id is left: who takes it passes over it.
                self._queue.push_job_id(job_id, pipeline=pipeline, at_front=True)
                pipeline.lrem(self._queue.intermediate_queue_key, 1, job_id)
                pipeline.execute()

    def _release_dead(self) -> None:
        """Workers of this machine whose process is gone, and whose parent went with them."""
        for key in SimpleWorker.all_keys(queue=self._queue):
            worker = self._find_worker(key)
            if worker is not None and worker.hostname == socket.gethostname() and not _lives(worker.pid):
                self._release(worker)

    def _find_worker(self, key: str) -> SimpleWorker | None:
        return SimpleWorker.find_by_key(key, connection=self._client, serializer=JSONSerializer)  # type: ignore[return-value]

    def _release(self, worker: SimpleWorker) -> None:
        started: StartedJobRegistry = self._queue.started_job_registry
        with self._client.pipeline() as pipeline:
            for execution in worker.get_current_executions():
                pipeline.zadd(started.key, {execution.composite_key: _STARTED_LONG_AGO}, xx=True)
                pipeline.delete(ExecutionRegistry(execution.job_id, self._client).key)
            pipeline.execute()
        worker.register_death()  # type: ignore[no-untyped-call]
        started.cleanup()


def _lives(pid: int | None) -> bool:
    """Whether there is such a process, and not only what is left of one until somebody takes note of its end."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"
