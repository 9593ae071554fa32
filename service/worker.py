"""The workers of one queue: `python -m service.worker QUEUE [--count N]`.

This process imports everything, forks N workers, starts another one for each that dies, and maintains the queue. With
--count, worker i is the instance LIKESTORM_INSTANCE-i, counted from 1; without it there is one, of that very name.
SIGTERM ends them all when they have done the job in hand.
"""

import argparse
import encodings.idna  # noqa: F401 (each worker would import it with its first connection)
import logging
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from time import perf_counter
from types import TracebackType
from typing import Any, ClassVar

import rq.job
from redis import Redis
from rq.executions import Execution
from rq.serializers import JSONSerializer
from rq.worker import SimpleWorker

from service import backends
from service.catalog import PUSH, QUEUES
from service.config import Config
from service.domain.errors import CorruptImageError, RefusedError, ServiceError, UnavailableError
from service.jobs import Create, Handlers, prepare
from service.prefork import Prefork
from service.stores.notifications import Notifications
from service.stores.queue import POLICIES, JobQueue
from service.stores.queue_maintenance import QueueMaintenance
from service.stores.redis import connect_redis
from service.telemetry import errors, logs, multiprocess
from service.telemetry.jobs import JobTimer
from service.telemetry.metrics import Metrics
from service.telemetry.null_metrics import choose

WORKER_TTL_S = 45
"""A worker of a machine that vanished stays listed for this and a minute."""
MAINTENANCE_INTERVAL_S = 30
LONGEST_REDIS_PAUSE_S = 2.0
END_GRACE_S = 5
MOST_WORKERS = 1000

log = logging.getLogger(__name__)


class Job(rq.job.Job):
    """A job that calls the handler of its name, so that access to Redis does not let anybody run other code.

    It times itself, because a worker does not report the outcome of its jobs.
    """

    handlers: ClassVar[Handlers]
    timer: ClassVar[JobTimer]

    @property
    def func(self) -> Callable[..., None]:
        """What RQ calls with the job's arguments."""
        return self._run

    def _run(self, *arguments: Any) -> None:
        self._forget_lost_executions()
        waited = (datetime.now(UTC) - self.enqueued_at).total_seconds() if self.enqueued_at else 0.0
        started, done = perf_counter(), False
        try:
            self.handlers[self.func_name or ""](*arguments)
            done = True
        finally:
            self.timer.record(max(0.0, waited), perf_counter() - started, done)

    def _forget_lost_executions(self) -> None:
        """RQ 3.0 lists a lost execution for a minute longer than it keeps it, and then fails the job over it."""
        registry = self.execution_registry
        for execution_id in registry.get_execution_ids():
            if not self.connection.exists(Execution(execution_id, self.id, connection=self.connection).key):
                self.connection.zrem(registry.key, execution_id)


def settle_failure(job: rq.job.Job, _kind: type[Exception], error: Exception, trace: TracebackType | None) -> None:
    """Log a failure: in one line while attempts are left, whole after the last; RQ's exception handler."""
    if isinstance(error, CorruptImageError | RefusedError):
        # Another attempt gives the same.
        job.retries_left = 0
    if job.should_retry:
        log.warning("job %s failed, to be tried again: %s", job.func_name, error)
    else:
        log.error("job %s failed for good", job.func_name, exc_info=(type(error), error, trace))


def is_not_about_a_failure(record: logging.LogRecord) -> bool:
    """Filters RQ's own log of failures: it calls each attempt's failure an error, which error tracking would count."""
    return not hasattr(record, "job_id")


def create_worker(queue: str, config: Config, metrics: Metrics, handlers: Handlers) -> SimpleWorker:
    """RQ's worker on one queue, ready to `work()`.

    One queue, because only then RQ moves a job instead of popping it, so that a killed worker does not lose it.
    """
    logging.getLogger("rq.worker").addFilter(is_not_about_a_failure)
    worker = SimpleWorker(
        [queue],
        name=_worker_name(config.instance, os.getpid()),
        # Not the stores' client: a worker waits for its next job for longer than their deadline.
        connection=Redis.from_url(config.redis_url),
        job_class=type("QueueJob", (Job,), {"handlers": handlers, "timer": JobTimer(metrics, queue)}),
        serializer=JSONSerializer,
        exception_handlers=[settle_failure],
        worker_ttl=WORKER_TTL_S,
        maintenance_interval=MAINTENANCE_INTERVAL_S,
    )
    worker.max_connection_wait_time = LONGEST_REDIS_PAUSE_S
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
    logs.configure(config.instance)
    multiprocess.remove_files()
    names = [f"{config.instance}-{i + 1}" for i in range(options.count)] if options.count else [config.instance]
    _run_all(options.queue, config, names, create_handlers)
    return 0


def _run_all(queue: str, config: Config, names: list[str], create_handlers: Create) -> None:
    """Be the parent of one worker a name."""
    client = connect_redis(config.redis_url, config.backend_timeout_s)
    maintenance = QueueMaintenance(queue, client, config.instance)
    tasks = [maintenance.run]
    if queue == PUSH:
        jobs = JobQueue(client, lambda _queue, _seconds: None)
        tasks.append(Notifications(client, jobs.enqueue_push).schedule_waiting)

    def work(number: int) -> None:
        # A process runs one job at a time.
        _work(queue, replace(config, instance=names[number], db_pool_size=1), create_handlers, number)

    def bury(number: int, pid: int) -> None:
        multiprocess.mark_dead(number)
        _attempt(partial(maintenance.release, _worker_name(names[number], pid)))

    def maintain() -> None:
        for task in tasks:
            _attempt(task)

    Prefork(len(names), work, bury, maintain, POLICIES[queue].timeout_s + END_GRACE_S).run()
    client.close()


def _work(queue: str, config: Config, create_handlers: Create, slot: int) -> None:
    """Be one worker, in a process of its own; its metrics are those of its number, whatever its process id."""
    logging.getLogger().handlers.clear()
    logs.configure(config.instance)
    end_tracking = errors.configure(config, queue=queue)
    multiprocess.set_slot(slot)
    metrics = choose(config.metrics)
    stores = backends.connect(config, metrics)
    worker = create_worker(queue, config, metrics, create_handlers(stores, metrics))
    # RQ handles signals only after it has registered the worker, which would stay listed.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit())
    try:
        worker.work(logging_level="WARNING")
    except SystemExit:
        worker.register_death()  # type: ignore[no-untyped-call]
    finally:
        stores.close()
        end_tracking()


def _attempt(operation: Callable[[], None]) -> None:
    """Redis may be away: the next turn tries again."""
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
