"""Open-model load on Locust: arrivals start when they are due, whether or not earlier ones have been answered."""

from __future__ import annotations

import gc
import logging
import os
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import gevent
import msgspec
from gevent import GreenletExit
from locust import User, task
from locust.contrib.fasthttp import FastHttpUser
from locust.env import Environment
from locust.exception import StopUser

from loadtests.ledger import Journal
from loadtests.plan import Outcome, Plan, Progress
from loadtests.record import Generator
from loadtests.recorder import Recorder
from loadtests.schedule import Arrival, arrivals, choices

log = logging.getLogger(__name__)

LEAD_S = 0.5
"""Between the dispatcher's start and the first second of the schedules, so that the first arrivals are not late."""
BURST = 32
"""So many arrivals are handed over at once before those under way get their turn."""


class RequestClock:
    """Takes the place of Locust's request event for one virtual user, and times requests from when they were due.

    The first request of an arrival is due when the arrival is, each later one when the one before it ends. What is
    passed on to Locust's own listeners (statistics, web UI, CSV) has the response time so corrected.
    """

    def __init__(self, environment: Environment, recorder: Recorder) -> None:
        self._event = environment.events.request
        self._recorder = recorder
        self.arrival = Arrival(0.0, "", 0)
        self.due = 0.0
        self.steps_done = 0
        self.failed = self.timed_out = False

    def begin(self, arrival: Arrival, due: float) -> None:
        """Turn to another arrival, whose first request was due at `due` (perf_counter seconds)."""
        self.arrival, self.due = arrival, due
        self.steps_done = 0
        self.failed = self.timed_out = False

    def fire(self, **meta: Any) -> None:
        """Locust's client reports a finished request here."""
        now = time.perf_counter()
        response, service = now - self.due, meta["response_time"] / 1e3
        exception = meta.get("exception")
        cause = getattr(exception, "original", exception)  # geventhttpclient wraps what ended its last try
        timed_out = isinstance(cause, TimeoutError | gevent.Timeout)
        error = None if exception is None else f"{type(exception).__name__}: {exception}"
        self._recorder.request_ended(self.arrival, meta["name"], response, service, error=error, timed_out=timed_out)
        self._event.fire(  # type: ignore[no-untyped-call]
            **(meta | {"response_time": response * 1e3})
        )
        self.due = now
        self.steps_done += 1
        self.failed |= exception is not None
        self.timed_out |= timed_out


class OpenModelUser(FastHttpUser):
    """A virtual user whose methods are the tasks of arrivals; it has a connection of its own to each host.

    Subclasses find the arrival's random source in `choices`, its number in `number`, and what they do in `journals`.
    """

    abstract = True
    concurrency = 1
    connection_timeout = 5.0
    network_timeout = 10.0

    def __init__(self, environment: Environment, plan: Plan, journals: dict[str, Journal], recorder: Recorder) -> None:
        self.host = environment.host
        super().__init__(environment)
        self.plan, self.journals = plan, journals
        self.clock = RequestClock(environment, recorder)
        self.client.request_event = self.clock
        self.choices = Random()
        self.number = 0

    def perform(self, arrival: Arrival, due: float) -> None:
        """Run the task that is named like the arrival's schedule; an exception that escapes it is a failed arrival."""
        self.clock.begin(arrival, due)
        self.choices = choices(arrival.name, arrival.number, self.plan.scenario.seed, self.plan.salt)
        self.number = arrival.number
        try:
            getattr(self, arrival.name)()
        except GreenletExit:
            raise
        except Exception:
            self.clock.failed = True
            log.exception("arrival %s #%d", arrival.name, arrival.number)


class Dispatcher:
    """Hands arrivals to a pool of virtual users that grows up to a maximum; beyond it they queue, then are dropped."""

    def __init__(self, make_user: Callable[[], OpenModelUser], plan: Plan, recorder: Recorder) -> None:
        self._make_user = make_user
        self._scenario = plan.scenario
        self._recorder = recorder
        self._idle: list[OpenModelUser] = []
        self._busy: dict[gevent.Greenlet, OpenModelUser] = {}
        self._waiting: deque[Arrival] = deque()
        self._start = 0.0
        self.users_max = 0

    @property
    def busy(self) -> int:
        """Virtual users at work."""
        return len(self._busy)

    def now(self) -> float:
        """Seconds since the start of the schedules."""
        return time.perf_counter() - self._start

    def run(self, start: float) -> None:
        """Dispatch every arrival of the schedules, which begin at `start` (perf_counter seconds), when it is due."""
        self._start = start
        burst = 0
        for arrival in arrivals(self._scenario.courses(), self._scenario.seed):
            wait = arrival.due - self.now()
            burst = 0 if wait > 0 else (burst + 1) % BURST
            if wait > 0 or burst == 0:
                gevent.sleep(max(0.0, wait))
            self._recorder.dispatched(arrival, max(0.0, self.now() - arrival.due))
            self._waiting.append(arrival)
            self._serve()

    def drain(self) -> None:
        """Wait until everything under way has ended, or the scenario's drain_s are over; the rest is unfinished."""
        deadline = self.now() + self._scenario.drain_s
        while (self._busy or self._waiting) and self.now() < deadline:
            gevent.wait(list(self._busy), timeout=deadline - self.now(), count=1)
        unfinished = [(user.clock.arrival, user.clock.steps_done) for user in self._busy.values()]
        unfinished += [(arrival, 0) for arrival in self._waiting]
        gevent.killall(list(self._busy))
        for arrival, steps_done in unfinished:
            self._recorder.arrival_unfinished(arrival, steps_done)

    def _serve(self) -> None:
        """Give waiting arrivals to free virtual users, in the order in which they were due."""
        while self._waiting:
            if self.now() - self._waiting[0].due > self._scenario.lateness_max_s:
                self._recorder.arrival_dropped(self._waiting.popleft())
                continue
            if not self._idle and len(self._busy) >= self._scenario.users_max:
                return
            user = self._idle.pop() if self._idle else self._make_user()
            greenlet = gevent.Greenlet(self._perform, user, self._waiting.popleft())
            self._busy[greenlet] = user
            self.users_max = max(self.users_max, len(self._busy))
            greenlet.start()

    def _perform(self, user: OpenModelUser, arrival: Arrival) -> None:
        due = self._start + arrival.due
        user.perform(arrival, due)
        now = time.perf_counter()
        self._recorder.arrival_ended(
            arrival, now - due, now - self._start, failed=user.clock.failed, timed_out=user.clock.timed_out
        )
        del self._busy[gevent.getcurrent()]
        self._idle.append(user)
        self._serve()


def _go_first() -> bool:
    """Ask the kernel to run this process before all others; False where this user may not.

    On a machine that the generator shares with its target, waiting for a core is most of the dispatch lag. What it
    takes from the target is what it uses anyway, some tenths of a core, and its own CPU check still applies.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except PermissionError:
        return False
    return True


class Arrivals(User):
    """The one Locust user of a worker process; its only task runs the whole plan and then ends the test."""

    abstract = True
    fixed_count = 1
    plan: Plan
    users: type[OpenModelUser]
    progress_fd: int

    @task
    def conduct(self) -> None:
        """Run the plan and quit; a failure of the engine itself ends the process with status 1."""
        self.environment.process_exit_code = 1
        try:
            self._run_plan()
            # Failed requests are the judge's business: as a process, the swarm did what it was asked to.
            self.environment.process_exit_code = 0
        except Exception:
            log.exception("the swarm broke down")
        gevent.spawn(self.environment.runner.quit)
        raise StopUser

    def _run_plan(self) -> None:
        """Warm up, measure, drain, write the outcome."""
        scenario = self.plan.scenario
        missing = [name for name in scenario.arrivals if not hasattr(self.users, name)]
        if missing:
            raise LookupError(f"{scenario.users} has no task for the arrivals {', '.join(missing)}")
        recorder = Recorder(scenario.steps, scenario.warm_up_s, scenario.duration_s)
        journals: dict[str, Journal] = {}
        environment = self.environment

        def make_user() -> OpenModelUser:
            return self.users(environment, self.plan, journals, recorder)

        dispatcher = Dispatcher(make_user, self.plan, recorder)
        realtime = self.plan.realtime and _go_first()
        # Locust alone is some 100,000 objects: the collector need not walk them again and again, which stops the loop.
        gc.collect()
        gc.freeze()
        start = time.perf_counter() + LEAD_S
        epoch = time.time() + LEAD_S
        cpu: list[float] = []
        watch = gevent.spawn(self._watch, dispatcher, recorder, start, cpu)
        try:
            dispatcher.run(start)
            dispatcher.drain()
        finally:
            watch.kill()
        self._finish(recorder, recorder.generator(cpu, dispatcher.users_max, realtime=realtime), journals, epoch)

    def _watch(self, dispatcher: Dispatcher, recorder: Recorder, start: float, cpu: list[float]) -> None:
        """Once a second of the run: note the CPU time used and report progress; CPU is kept for the window only."""
        scenario = self.plan.scenario
        end = scenario.warm_up_s + scenario.duration_s
        used, second = time.process_time(), 0
        gevent.sleep(max(0.0, start - time.perf_counter()))
        while True:
            second += 1
            gevent.sleep(max(0.0, start + second - time.perf_counter()))
            before, used = used, time.process_time()
            now = dispatcher.now()
            if scenario.warm_up_s < now - 0.5 < end:
                cpu.append(round(100 * (used - before), 1))
            phase = "warm-up" if now < scenario.warm_up_s else "measure" if now < end else "drain"
            left = {"warm-up": scenario.warm_up_s, "measure": end, "drain": end + scenario.drain_s}[phase] - now
            self._report(Progress(phase, max(0.0, left), dispatcher.busy, recorder.rates(now)))

    def _report(self, progress: Progress) -> None:
        try:
            os.write(self.progress_fd, msgspec.json.encode(progress) + b"\n")
        except BrokenPipeError:
            log.error("whoever watched this run is gone: ending it")  # noqa: TRY400
            gevent.spawn(self.environment.runner.quit)

    def _finish(self, recorder: Recorder, generator: Generator, journals: dict[str, Journal], epoch: float) -> None:
        scenario = self.plan.scenario
        end = scenario.warm_up_s + scenario.duration_s
        scheduled = dict.fromkeys(scenario.arrivals, 0)
        courses = scenario.courses()
        for arrival in arrivals(courses, scenario.seed):
            scheduled[arrival.name] += arrival.due >= scenario.warm_up_s
        outcome = Outcome(
            window_start=epoch + scenario.warm_up_s,
            window_end=epoch + end,
            arrivals=recorder.arrivals(
                scheduled, {name: course.mean(scenario.warm_up_s, end) for name, course in courses.items()}
            ),
            requests=recorder.requests(),
            generator=generator,
            journals=journals,
        )
        recorder.write_logs(Path(self.plan.histograms), lambda run_time: epoch + run_time)
        Path(self.plan.outcome).write_bytes(msgspec.json.encode(outcome))
