"""Metrics of jobs: enqueueing them, and running them."""

from collections.abc import Callable

from service import catalog
from service.telemetry.metrics import Metrics


class EnqueueTimer:
    """Records each job that is enqueued."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._bound: dict[str, Callable[[float], None]] = {}

    def record(self, queue: str, seconds: float) -> None:
        """Record a job that took so many seconds to enqueue."""
        if queue not in self._bound:
            count = self._metrics.counter(catalog.JOBS_ENQUEUED, queue).inc
            observe = self._metrics.histogram(catalog.JOB_ENQUEUE, queue).observe

            def record(seconds: float) -> None:
                count()
                observe(seconds)

            self._bound[queue] = record
        self._bound[queue](seconds)


class JobTimer:
    """Records each run of a job of one queue."""

    def __init__(self, metrics: Metrics, queue: str) -> None:
        self._done = metrics.counter(catalog.JOBS, queue, "done")
        self._failed = metrics.counter(catalog.JOBS, queue, "failed")
        self._wait = metrics.histogram(catalog.JOB_WAIT, queue)
        self._duration = metrics.histogram(catalog.JOB_DURATION, queue)

    def record(self, waited: float, ran: float, done: bool) -> None:
        """Record a run; `waited` and `ran` in seconds."""
        self._wait.observe(waited)
        self._duration.observe(ran)
        (self._done if done else self._failed).inc()


class PushCounter:
    """Counts pushes by outcome."""

    def __init__(self, metrics: Metrics) -> None:
        self._counters = {outcome: metrics.counter(catalog.PUSHES, outcome) for outcome in catalog.PUSH_OUTCOMES}

    def count(self, outcome: str) -> None:
        """Count a push; `outcome` is one of catalog.PUSH_OUTCOMES."""
        self._counters[outcome].inc()
