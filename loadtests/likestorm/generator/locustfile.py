"""The locustfile of each of the generator's processes; environment variables name the plan or the master that has it.

The first process (the only one, or Locust's master) carries out the plan and writes the outcome; a worker carries out
its part. Locust's own user does nothing: while it exists, Locust's state is "running".
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import msgspec
from gevent.event import Event
from locust import User, events, task
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from likestorm.generator import summary
from likestorm.generator.abort_rule import EarlyEnd
from likestorm.generator.coordinator import LEAD_S, Coordinator
from likestorm.generator.engine import Engine, EngineError, Users, load_users
from likestorm.generator.plan import MASTER_VARIABLE, PATIENCE_VARIABLE, PLAN_VARIABLE, PROGRESS_VARIABLE, Plan
from likestorm.generator.worker import Worker, fetch_plan
from likestorm.results.progress import Progress
from likestorm.scenario.hosts import HostGuard
from likestorm.scenario.schedule import Part

log = logging.getLogger(__name__)

REFUSAL_POLL_S = 0.1


class Lead:
    """Carries out the plan once Locust starts its test, then ends Locust; a failure ends Locust with status 1."""

    def __init__(self, environment: Environment, plan: Plan, users: Users) -> None:
        runner = environment.runner
        self._environment, self._plan, self._users = environment, plan, users
        self._coordinator = Coordinator(runner, plan, self.end) if isinstance(runner, MasterRunner) else None
        self._run: gevent.Greenlet | None = None
        environment.process_exit_code = 1
        events.test_start.add_listener(self._on_start)  # type: ignore[no-untyped-call]
        events.test_stop.add_listener(self._on_stop)  # type: ignore[no-untyped-call]

    def end(self, failure: str) -> None:
        """End the run because of a failure."""
        _report(Progress("failed", 0.0, 0, {}, failure))
        if self._run:
            self._run.kill(block=False)
        self._quit()

    def _on_start(self, **_: Any) -> None:
        self._run = self._run or gevent.spawn(self._carry_out)

    def _on_stop(self, **_: Any) -> None:
        if self._run and not self._run.ready() and self._run is not gevent.getcurrent():
            self.end("the run was stopped in Locust's web UI")

    def _carry_out(self) -> None:
        try:
            self._coordinator.run(_report) if self._coordinator else self._run_alone()
            # The judge decides about failed requests: the generator did its work.
            self._environment.process_exit_code = 0
        except EngineError as error:
            _report(Progress("failed", 0.0, 0, {}, str(error)))
        except Exception:
            log.exception("the generator failed")
        self._quit()

    def _run_alone(self) -> None:
        engine = Engine(self._environment, self._plan, Part(), self._users)
        starts_at = time.time() + LEAD_S
        ending = EarlyEnd(self._plan.scenario)

        def report(progress: Progress) -> None:
            _report(progress)
            end = ending.add(progress.counts, engine.now()) if progress.phase == "measure" else None
            if end is not None:
                engine.end_at(end)

        engine.run(starts_at, report)
        summary.write(self._plan, starts_at, [engine.share()], ending, [])

    def _quit(self) -> None:
        gevent.spawn(_quit, self._environment)


def _quit(environment: Environment) -> None:
    if environment.runner:
        environment.runner.quit()
    if environment.web_ui:
        environment.web_ui.stop()  # type: ignore[no-untyped-call]


class IdleUser(User):
    """The user that Locust runs, one a process."""

    @task
    def idle(self) -> None:
        """Do nothing until Locust ends."""
        Event().wait()


def _load(plan: Plan) -> tuple[Plan, Users, HostGuard]:
    """The plan's users; from now on no request leaves for a host that is not allowed."""
    guard = HostGuard((*plan.hosts, *(plan.scenario.target.allow_hosts if plan.scenario.target else ())))
    guard.install()
    return plan, load_users(plan), guard


def _take_part(plan: Plan, users: Users, guard: HostGuard) -> None:
    """Take part in the run once Locust is initialized."""

    def on_init(environment: Environment, **_: Any) -> None:
        if isinstance(environment.runner, WorkerRunner):
            end: Callable[[str], None] = Worker(environment, environment.runner, plan, users).fail
        else:
            end = Lead(environment, plan, users).end
        gevent.spawn(_watch_refusals, guard, end)

    events.init.add_listener(on_init)  # type: ignore[no-untyped-call]


def _watch_refusals(guard: HostGuard, end: Callable[[str], None]) -> None:
    """End the run at a request to a host that is not allowed, since the load is not what the scenario asks for."""
    while not guard.refusal:
        gevent.sleep(REFUSAL_POLL_S)
    end(guard.refusal)


def _report(progress: Progress) -> None:
    """Report to the launcher, if a launcher started this process; a worker on another host has none."""
    if PROGRESS_VARIABLE not in os.environ:
        return
    try:
        os.write(int(os.environ[PROGRESS_VARIABLE]), msgspec.json.encode(progress) + b"\n")
    except BrokenPipeError:
        log.error("the launcher is gone: ending the run")  # noqa: TRY400
        os.kill(os.getpid(), signal.SIGTERM)  # Locust's own way to end


try:
    if _master := os.environ.get(MASTER_VARIABLE):
        _take_part(*fetch_plan(_master, float(os.environ[PATIENCE_VARIABLE]), _load))
    else:
        _take_part(*_load(msgspec.json.decode(Path(os.environ[PLAN_VARIABLE]).read_bytes(), type=Plan)))
except EngineError as error:
    _report(Progress("failed", 0.0, 0, {}, str(error)))
    sys.exit(str(error))
