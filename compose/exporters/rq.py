"""RQ's queues as metrics, by its keys: RQ's own counting removes expired jobs while it counts."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import cast

from prometheus_client.core import GaugeMetricFamily, Metric
from redis import Redis

from compose.exporters.backend import TIMEOUT_S

# status → the sorted set that holds such jobs.
REGISTRIES = {
    "started": "rq:wip:{}",
    "deferred": "rq:deferred:{}",
    "scheduled": "rq:scheduled:{}",
    "finished": "rq:finished:{}",
    "failed": "rq:failed:{}",
    "canceled": "rq:canceled:{}",
}
WORKER_STATES = ("idle", "busy", "started", "suspended")


class Queues:
    """Reads queues, registries and workers from Redis in two or three round trips."""

    def __init__(self, url: str, queues: Iterable[str]) -> None:
        self._redis: Redis = Redis.from_url(
            url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, decode_responses=True
        )
        self._queues = tuple(queues)

    def close(self) -> None:
        """Close the connection; the next reading opens a new one."""
        self._redis.close()

    def __call__(self) -> Iterable[Metric]:
        """The metrics; RedisError when Redis does not answer."""
        jobs = GaugeMetricFamily("rq_jobs", "Jobs, by state.", labels=("queue", "status"))
        ages = GaugeMetricFamily(
            "rq_queue_oldest_job_age_seconds", "Age of the oldest waiting job; 0 when none waits.",
            labels=("queue",),
        )  # fmt: skip
        workers = GaugeMetricFamily("rq_workers", "Workers, by state.", labels=("queue", "state"))
        for queue in self._queues:
            for status, count in self._count_jobs(queue).items():
                jobs.add_metric((queue, status), count)
            ages.add_metric((queue,), self._oldest_age(queue))
            states = self._worker_states(queue)
            for state in WORKER_STATES:
                workers.add_metric((queue, state), states.count(state))
        return [jobs, ages, workers]

    def _count_jobs(self, queue: str) -> dict[str, int]:
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.llen(f"rq:queue:{queue}")
        for key in REGISTRIES.values():
            pipeline.zcard(key.format(queue))
        return dict(zip(("queued", *REGISTRIES), pipeline.execute(), strict=True))

    def _oldest_age(self, queue: str) -> float:
        job = cast(str | None, self._redis.lindex(f"rq:queue:{queue}", 0))
        enqueued = cast(str | None, self._redis.hget(f"rq:job:{job}", "enqueued_at")) if job else None
        if not enqueued:
            return 0.0
        return max(0.0, time.time() - datetime.fromisoformat(enqueued).replace(tzinfo=UTC).timestamp())

    def _worker_states(self, queue: str) -> list[str | None]:
        keys = cast(set[str], self._redis.smembers(f"rq:workers:{queue}"))
        pipeline = self._redis.pipeline(transaction=False)
        for key in keys:
            pipeline.hget(key, "state")
        return pipeline.execute()
