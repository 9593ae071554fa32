"""The workers of one queue: `python -m service.worker QUEUE [--count N]`.

This process imports everything, forks N workers, starts those again that die, and looks after the queue: retries that
are due, and what a dead worker had in hand. With --count, worker i is the instance LIKESTORM_INSTANCE-i, counted from
1; without it there is one, of that very name. SIGTERM ends them all when they have done the job in hand.
"""

import argparse
import encodings.idna  # noqa: F401 (what each connection would import, in every worker anew)
import logging
import math
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import FrameType
from typing import Any, ClassVar

import rq.job
import rq.worker
from redis import Redis
from rq.exceptions import StopRequested
from rq.results import Result
from rq.serializers import JSONSerializer
from rq.utils import now

from service import backends
from service.catalog import PUSH, QUEUES
from service.config import Config
from service.domain.errors import CorruptImageError, RefusedError, ServiceError, UnavailableError
from service.jobs import Create, Handlers, prepare
from service.prefork import ENDING, Prefork
from service.stores.notifications import Notifications
from service.stores.queue import POLICIES, JobQueue
from service.stores.queue_maintenance import QueueMaintenance
from service.stores.redis import connect_redis
from service.telemetry import errors, logs, slots
from service.telemetry.jobs import JobTimer
from service.telemetry.metrics import Metrics
from service.telemetry.silence import choose

# RQ waits 15 s less than this for a job, before it tells that the worker lives. A process that ends is noticed at once,
# by its parent; only those of a machine that vanished stay listed for this and a minute.
WORKER_TTL_S = 45
HEARTBEAT_S = 1.0
GRACE_S = 5
"""How long after its time-out a job counts as lost when nobody on its machine is left to tell."""
MOST_WORKERS = 1000

log = logging.getLogger(__name__)


class Job(rq.job.Job):
    """A job that runs what `handlers` has under its name, never what the name might import."""

    handlers: ClassVar[Handlers] = {}

    @property
    def func(self) -> Callable[..., None]:
        """What to call with the job's arguments."""
        return partial(self._run, self.handlers[self.func_name or ""])

    def cleanup(self, ttl: int | None = None, pipeline: Any = None, remove_from_queue: bool = True) -> None:
        """Delete a job that is done; RQ would first ask for its state and its executions, in three round trips."""
        if ttl == 0 and pipeline is not None and not remove_from_queue:
            keys = (self.key, self.dependents_key, self.dependencies_key, self.execution_registry.key)
            pipeline.delete(*keys, Result.get_key(self.id))  # type: ignore[no-untyped-call]
        else:
            super().cleanup(ttl, pipeline, remove_from_queue)

    def _run(self, handler: Callable[..., None], *args: Any) -> None:
        try:
            handler(*args)
        except (CorruptImageError, RefusedError):
            # Another attempt gives the same.
            self.retries_left = 0
            raise


class Worker(rq.worker.SimpleWorker):
    """A worker of one queue that times its jobs; it ends with the process that forked it.

    One queue, because RQ takes a job safely only then: it is moved, not popped, so a killed worker does not lose it.
    """

    timer: JobTimer
    log_result_lifespan = False
    max_connection_wait_time = 2.0
    told_at = -math.inf
    told_to_end = False

    def bootstrap(self, *args: Any, **options: Any) -> None:
        """Register; RQ listens for signals only afterwards, and who ends before that would stay listed."""
        for number in ENDING:
            signal.signal(number, self._end_soon)
        super().bootstrap(*args, **options)

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

    def handle_exception(self, job: Any, *exc_info: Any) -> None:
        """Say what failed: in a line while there are attempts left, with all there is to know when it was the last."""
        if job.should_retry:
            log.warning("job %s failed, to be tried again: %s", job.func_name, exc_info[1])
        else:
            log.error("job %s failed for good", job.func_name, exc_info=exc_info)

    def get_heartbeat_ttl(self, job: Any, working_time: float = 0.0) -> int:  # noqa: ARG002
        """For how long a running job counts as alive; RQ's own minute more is too long for a killed worker's job."""
        return int(job.timeout) + GRACE_S

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Tell that the worker lives, in one round trip and not for each job anew."""
        if pipeline is not None:
            super().heartbeat(timeout, pipeline)
            return
        told = time.monotonic()
        if timeout is None and told - self.told_at < HEARTBEAT_S:
            return
        self.told_at = told
        with self.connection.pipeline(transaction=False) as own:
            super().heartbeat(timeout, own)
            own.execute()

    def handle_execution_ended(self, job: Any, queue: Any, heartbeat_ttl: int) -> None:  # noqa: ARG002
        """Note when a job ended; it is about to be settled, so its heartbeat is of no use any more."""
        job.ended_at = now()

    def handle_job_success(self, job: Any, queue: Any, started_job_registry: Any, execution: Any) -> None:  # noqa: ARG002
        """Settle a job that is done, in one round trip; RQ would first look for jobs that wait for it: here none do."""
        with self.connection.pipeline() as pipeline:
            self.increment_successful_job_count(pipeline=pipeline)
            self.increment_total_working_time(job.ended_at - job.started_at, pipeline)
            job.cleanup(0, pipeline=pipeline, remove_from_queue=False)
            self.cleanup_execution(job, pipeline=pipeline, execution=execution)
            pipeline.execute()

    def subscribe(self) -> None:
        """Take no commands from a channel: that would cost a thread and a connection more."""

    def run_maintenance_tasks(self) -> None:
        """None, as the parent looks after the queue; RQ calls this before it takes its first job."""
        self.last_cleaned_at = now()  # type: ignore[assignment]
        if self.told_to_end:
            raise StopRequested

    def _end_soon(self, _number: int, _frame: FrameType | None) -> None:
        self.told_to_end = True


def create_worker(queue: str, config: Config, metrics: Metrics, handlers: Handlers) -> Worker:
    """A worker on `queue`, ready to `work()`."""
    job_class = type("HandledJob", (Job,), {"handlers": handlers})
    worker = Worker(
        [queue],
        name=_worker_name(config.instance, os.getpid()),
        # Not the stores' client: a worker waits for its next job for longer than their deadline.
        connection=Redis.from_url(config.redis_url),
        job_class=job_class,
        serializer=JSONSerializer,
        worker_ttl=WORKER_TTL_S,
    )
    worker.timer = JobTimer(metrics, queue)
    return worker


def main(arguments: list[str]) -> int:
    """Work until told to stop; the exit status: 0 stopped, 2 wrong usage or configuration."""
    parser = argparse.ArgumentParser(prog="python -m service.worker", description="Run the jobs of one queue.")
    parser.add_argument("queue", choices=QUEUES)
    parser.add_argument("--count", type=_count, help="how many processes (one, without a number in its name)")
    options = parser.parse_args(arguments)
    try:
        config = Config.from_env()
        create_handlers = prepare(options.queue, config)
    except ServiceError as error:
        sys.stderr.write(f"service.worker: {error}\n")
        return 2
    # A process runs one job at a time.
    config = replace(config, db_pool_size=1)
    logs.configure(config.instance)
    slots.wipe()
    names = [f"{config.instance}-{i + 1}" for i in range(options.count)] if options.count else [config.instance]
    client = connect_redis(config.redis_url, config.backend_timeout_s)
    maintenance = QueueMaintenance(options.queue, client)

    def died(number: int, pid: int) -> None:
        slots.bury(number)
        _attempt(lambda: maintenance.release(_worker_name(names[number], pid)))

    Prefork(
        len(names),
        lambda number: _work(options.queue, replace(config, instance=names[number]), create_handlers, number),
        died,
        _looks(options.queue, client, maintenance),
        POLICIES[options.queue].timeout_s + GRACE_S,
    ).run()
    client.close()
    return 0


def _work(queue: str, config: Config, create_handlers: Create, slot: int) -> None:
    """Be one worker, in a process of its own."""
    logging.getLogger().handlers.clear()
    logs.configure(config.instance)
    end_tracking = errors.configure(config, queue=queue)
    slots.claim(slot)
    metrics = choose(config.metrics)
    stores = backends.connect(config, metrics)
    try:
        create_worker(queue, config, metrics, create_handlers(stores, metrics)).work(logging_level="WARNING")
    finally:
        stores.close()
        metrics.close()
        end_tracking()


def _looks(queue: str, client: Redis, maintenance: QueueMaintenance) -> Callable[[], None]:
    """What the parent does once a second."""
    if queue != PUSH:
        return lambda: _attempt(maintenance.look_after)
    notifications = Notifications(client, JobQueue(client, lambda _queue, _seconds: None).enqueue_push)

    def look() -> None:
        _attempt(maintenance.look_after)
        _attempt(notifications.schedule_waiting)

    return look


def _attempt(operation: Callable[[], None]) -> None:
    """Redis may be away: what was not done now is done when it is back."""
    try:
        operation()
    except UnavailableError as error:
        log.warning("%s", error)


def _worker_name(instance: str, pid: int) -> str:
    return f"{instance}.{pid}"


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= MOST_WORKERS):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to {MOST_WORKERS}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
