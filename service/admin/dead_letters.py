"""Jobs that failed for good: RQ keeps them, to be looked at and tried again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import redis
from rq import Queue
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.job import Job
from rq.registry import FailedJobRegistry
from rq.serializers import JSONSerializer

from service.catalog import QUEUES
from service.domain.errors import NotFoundError
from service.stores.queue import POLICIES
from service.stores.redis import needs_redis

LONGEST_CALL, LONGEST_ERROR = 60, 160


@dataclass(frozen=True)
class DeadLetter:
    """A job that failed for good; `error` is the last line of why."""

    queue: str
    job_id: str
    call: str
    failed_at: datetime | None
    error: str


class DeadLetters:
    """The failed jobs of all queues; UnavailableError when Redis is away."""

    def __init__(self, client: redis.Redis) -> None:
        self._queues = {name: Queue(name, connection=client, serializer=JSONSerializer) for name in QUEUES}

    @needs_redis
    def find(self, queue: str | None = None) -> list[DeadLetter]:
        """Those of one queue, or of all; by queue, the first that failed first."""
        names = [queue] if queue else QUEUES
        return [_letter(name, job) for name in names for job in _jobs(_failed_of(self._queues[name]))]

    @needs_redis
    def requeue(self, queue: str, job_ids: Sequence[str] | None) -> list[str]:
        """Enqueue these again, or all, each with all its attempts; their ids.

        NotFoundError when one is not there; then none is enqueued.
        """
        registry = _failed_of(self._queues[queue])
        jobs = {job.id: job for job in _jobs(registry)}
        wanted = list(jobs) if job_ids is None else list(dict.fromkeys(job_ids))
        missing = [job_id for job_id in wanted if job_id not in jobs]
        if missing:
            raise NotFoundError(f"no dead letter {missing[0]} in the queue {queue}")
        return [job_id for job_id in wanted if _requeue(registry, jobs[job_id])]


def _failed_of(queue: Queue) -> FailedJobRegistry:
    return FailedJobRegistry(queue=queue)


def _jobs(registry: FailedJobRegistry) -> Iterator[Job]:
    for job_id in registry.get_job_ids():
        try:
            yield Job.fetch(job_id, connection=registry.connection, serializer=JSONSerializer)
        except NoSuchJobError:
            # Another process enqueued it again, and it is done.
            registry.remove(job_id)


def _requeue(registry: FailedJobRegistry, job: Job) -> bool:
    waits = list(POLICIES[registry.name].waits_s)
    job.retries_left, job.retry_intervals = len(waits), waits
    try:
        registry.requeue(job)
    except InvalidJobOperation:
        # Another process has requeued it.
        return False
    return True


def _letter(queue: str, job: Job) -> DeadLetter:
    result = job.latest_result()
    lines = (result.exc_string or "").strip().splitlines() if result else []
    return DeadLetter(
        queue,
        job.id,
        _shortened(job.description or "", LONGEST_CALL),
        result.created_at if result else job.ended_at,
        _shortened(lines[-1] if lines else "", LONGEST_ERROR),
    )


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
