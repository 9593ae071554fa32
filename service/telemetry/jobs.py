"""What is observed of the jobs of one queue."""

from service import catalog
from service.telemetry.metrics import Metrics


class JobTimer:
    """Records each run of a job."""

    def __init__(self, metrics: Metrics, queue: str) -> None:
        self._done = metrics.counter(catalog.JOBS, queue, "done")
        self._failed = metrics.counter(catalog.JOBS, queue, "failed")
        self._wait = metrics.histogram(catalog.JOB_WAIT, queue)
        self._duration = metrics.histogram(catalog.JOB_DURATION, queue)

    def record(self, waited: float, ran: float, done: bool) -> None:
        """One run that waited and ran for so many seconds."""
        self._wait.observe(waited)
        self._duration.observe(ran)
        (self._done if done else self._failed).inc()
