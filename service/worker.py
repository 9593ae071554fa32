"""The worker: takes the jobs of one queue and runs them in its own process, `python -m service.worker QUEUE`."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

import rq.job
import rq.worker
from redis import Redis
from rq.scheduler import RQScheduler
from rq.serializers import JSONSerializer

from service import backends
from service.config import Config, ConfigError
from service.domain.errors import CorruptImageError
from service.domain.lookup import PhotoLookup
from service.jobs.thumbnails import Thumbnails
from service.stores.queue import MAKE_THUMBNAIL, THUMBNAILS
from service.telemetry import logs, slots
from service.telemetry.jobs import JobTimer
from service.telemetry.metrics import Metrics

Handlers = Mapping[str, Callable[..., None]]

MAINTENANCE_INTERVAL_S = 10
# RQ waits 15 s less than this for a job before it sees to the maintenance that is due.
WORKER_TTL_S = 20
GRACE_S = 5
"""How long after its time-out a job counts as lost, its worker as dead."""


class Job(rq.job.Job):
    """A job that runs what `handlers` has under its name, never what the name might import."""

    handlers: ClassVar[Handlers] = {}

    @property
    def func(self) -> Callable[..., None]:
        """What to call with the job's arguments."""
        return partial(self._run, self.handlers[self.func_name or ""])

    def _run(self, handler: Callable[..., None], *args: Any) -> None:
        try:
            handler(*args)
        except CorruptImageError:
            self.retries_left = 0
            raise


class Worker(rq.worker.SimpleWorker):
    """A worker of one queue that times its jobs.

    One queue, because RQ takes a job safely only then: it is moved, not popped, so a killed worker does not lose it.
    """

    timer: JobTimer
    log_result_lifespan = False

    def prepare_execution(self, job: Any) -> Any:
        """Register that a job runs, once what a killed worker has left of it is dropped.

        RQ 3.0 lists a lost execution for a minute longer than it keeps it, and fails the job over what it misses.
        """
        self.connection.delete(job.execution_registry.key)
        return super().prepare_execution(job)

    def perform_job(self, job: Any, queue: Any, execution: Any) -> bool:
        """Run a job and record the run."""
        done = super().perform_job(job, queue, execution)
        if job.enqueued_at and job.started_at and job.ended_at:
            waited = (job.started_at - job.enqueued_at).total_seconds()
            self.timer.record(max(0.0, waited), (job.ended_at - job.started_at).total_seconds(), done)
        return done

    def get_heartbeat_ttl(self, job: Any, working_time: float = 0.0) -> int:  # noqa: ARG002
        """For how long a running job counts as alive; RQ's own minute more is too long for a killed worker's job."""
        return int(job.timeout) + GRACE_S

    def run_maintenance_tasks(self) -> None:
        """Look after jobs of dead workers, and enqueue retries that are due.

        RQ's scheduler would do the latter in a process of its own beside each worker.
        """
        super().run_maintenance_tasks()  # type: ignore[no-untyped-call]
        scheduler = RQScheduler(self.queues, self.connection, logging_level="WARNING", serializer=JSONSerializer)
        if scheduler.acquire_locks():  # type: ignore[no-untyped-call]
            try:
                scheduler.enqueue_scheduled_jobs()  # type: ignore[no-untyped-call]
            finally:
                scheduler.release_locks()  # type: ignore[no-untyped-call]


def create_worker(queue: str, config: Config, metrics: Metrics, handlers: Handlers) -> Worker:
    """A worker on `queue`, ready to `work()`."""
    job_class = type("HandledJob", (Job,), {"handlers": handlers})
    worker = Worker(
        [queue],
        name=f"{config.instance}.{os.getpid()}",
        # Not the stores' client: a worker waits for its next job for longer than their deadline.
        connection=Redis.from_url(config.redis_url),
        job_class=job_class,
        serializer=JSONSerializer,
        worker_ttl=WORKER_TTL_S,
        maintenance_interval=MAINTENANCE_INTERVAL_S,
    )
    worker.timer = JobTimer(metrics, queue)
    return worker


def create_handlers(stores: backends.Backends) -> dict[str, Handlers]:
    """By the queue: what its workers run, by the names of the jobs."""
    lookup = PhotoLookup(stores.photos, stores.cache)
    return {THUMBNAILS: {MAKE_THUMBNAIL: Thumbnails(stores.photos, lookup, stores.objects).make}}


def main(arguments: list[str]) -> int:
    """Work until told to stop; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m service.worker", description="Run the jobs of one queue.")
    parser.add_argument("queue", choices=[THUMBNAILS])
    queue = parser.parse_args(arguments).queue
    try:
        config = Config.from_env()
    except ConfigError as error:
        sys.stderr.write(f"service.worker: {error}\n")
        return 2
    logs.configure(config.instance)
    slots.wipe()
    metrics = Metrics()
    stores = backends.connect(config, metrics)
    try:
        create_worker(queue, config, metrics, create_handlers(stores)[queue]).work(logging_level="WARNING")
    finally:
        stores.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
