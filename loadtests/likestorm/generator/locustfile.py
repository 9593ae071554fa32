"""What Locust loads in each of the swarm's processes; the plan is named in the environment.

The process that leads a run (the only one, or Locust's master) carries the plan out and writes the outcome; a worker
plays the part that it is given. Locust's own user has nothing to do: while it lives, Locust's state is "running".
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import gevent
import msgspec
from gevent.event import Event
from locust import User, events, task
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from likestorm.generator import totals
from likestorm.generator.abort_rule import EarlyEnd
from likestorm.generator.coordinator import LEAD_S, Conductor, Player
from likestorm.generator.engine import Engine, EngineError, load_users
from likestorm.generator.plan import PLAN_VARIABLE, PROGRESS_VARIABLE, Plan, Progress
from likestorm.scenario.hosts import HostGuard
from likestorm.scenario.schedule import Part

log = logging.getLogger(__name__)

REFUSAL_POLL_S = 0.1

_plan = msgspec.json.decode(Path(os.environ[PLAN_VARIABLE]).read_bytes(), type=Plan)
_guard = HostGuard((*_plan.hosts, *(_plan.scenario.target.allow_hosts if _plan.scenario.target else ())))


class Lead:
    """Carries out the plan once Locust starts its test, then ends Locust; a failure ends it with status 1."""

    def __init__(self, environment: Environment) -> None:
        runner = environment.runner
        self._environment = environment
        self._conductor = Conductor(runner, _plan) if isinstance(runner, MasterRunner) else None
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
            self.end("somebody stopped the run in Locust's web UI")

    def _carry_out(self) -> None:
        try:
            self._conductor.conduct(_report) if self._conductor else self._alone()
            # Failed requests are the judge's business: as a process, the swarm did what it was asked to.
            self._environment.process_exit_code = 0
        except EngineError as error:
            _report(Progress("failed", 0.0, 0, {}, str(error)))
        except Exception:
            log.exception("the swarm broke down")
        self._quit()

    def _alone(self) -> None:
        engine = Engine(self._environment, _plan, Part(), _users)
        starts_at = time.time() + LEAD_S
        ending = EarlyEnd(_plan.scenario)

        def report(progress: Progress) -> None:
            _report(progress)
            end = ending.add(progress.counts, engine.now()) if progress.phase == "measure" else None
            if end is not None:
                engine.end_at(end)

        engine.run(starts_at, report)
        share = engine.share()
        recorder = engine.recorder
        totals.conclude(_plan, starts_at, recorder, totals.generator(recorder, [share]), share.journals, ending)

    def _quit(self) -> None:
        gevent.spawn(_quit, self._environment)


def _quit(environment: Environment) -> None:
    if environment.runner:
        environment.runner.quit()
    if environment.web_ui:
        environment.web_ui.stop()  # type: ignore[no-untyped-call]


class Swarm(User):
    """What Locust spawns, one a process: it does nothing."""

    @task
    def live(self) -> None:
        """Be there until Locust ends."""
        Event().wait()


def _wire(environment: Environment, **_: Any) -> None:
    runner = environment.runner
    end = Player(environment, runner, _plan, _users).fail if isinstance(runner, WorkerRunner) else Lead(environment).end
    gevent.spawn(_watch_refusals, end)


def _watch_refusals(end: Any) -> None:
    """A request to a host that is not allowed ends the run: what it measured is not what was asked for."""
    while not _guard.refusal:
        gevent.sleep(REFUSAL_POLL_S)
    end(_guard.refusal)


def _report(progress: Progress) -> None:
    """Tell whoever started this swarm; where nobody did, as with a worker that joined, there is nobody to tell."""
    if PROGRESS_VARIABLE not in os.environ:
        return
    try:
        os.write(int(os.environ[PROGRESS_VARIABLE]), msgspec.json.encode(progress) + b"\n")
    except BrokenPipeError:
        log.error("whoever watched this run is gone: ending it")  # noqa: TRY400
        os.kill(os.getpid(), signal.SIGTERM)  # Locust's own way out


_guard.install()
events.init.add_listener(_wire)  # type: ignore[no-untyped-call]
try:
    _users = load_users(_plan)
except EngineError as error:
    _report(Progress("failed", 0.0, 0, {}, str(error)))
    sys.exit(f"{error}")
