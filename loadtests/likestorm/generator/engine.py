"""One process's part of a run: warm-up, measured window, drain, and the watch over the process itself."""

from __future__ import annotations

import gc
import importlib
import time
from collections.abc import Callable
from typing import Protocol

import gevent
from locust import User
from locust.env import Environment

from likestorm.generator import locust_adapter, locustfile_adapter, realtime
from likestorm.generator.abort_rule import limits
from likestorm.generator.arrivals import OpenModelUser
from likestorm.generator.closed_users import ClosedUsers
from likestorm.generator.counts import Share
from likestorm.generator.dispatcher import Dispatcher, Pool, VirtualUser
from likestorm.generator.health import HealthWatch
from likestorm.generator.locustfile_adapter import ClosedLocustUsers, LocustfileError, LocustfileUser
from likestorm.generator.plan import END_SIGNAL, Plan
from likestorm.generator.recorder import Recorder
from likestorm.results.ledger import Journal
from likestorm.results.progress import Progress
from likestorm.results.record.traffic import Vitals
from likestorm.scenario.schedule import Arrival, Part, arrivals, choices, part_of
from likestorm.scenario.workload import ClosedPlan

Users = type[OpenModelUser] | dict[str, type[User]]
"""A user class whose methods are the tasks, or the classes of a locustfile by name."""


class EngineError(Exception):
    """A plan that this process cannot carry out; the message says why."""


class _WindowEndedError(Exception):
    """Ends the dispatching of arrivals before the schedules end."""


def load_users(plan: Plan) -> Users:
    """Import the users that the scenario names; EngineError where the import fails."""
    if plan.locustfile:
        try:
            return locustfile_adapter.load(plan.locustfile)
        except LocustfileError as error:
            raise EngineError(str(error)) from error
    module, _, name = plan.scenario.users.partition(":")
    try:
        users: type[OpenModelUser] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise EngineError(f"users = {plan.scenario.users!r}: {error}") from error
    return users


class ClosedGroup(Protocol):
    """A group of closed-model users."""

    @property
    def busy(self) -> int:
        """The number of users at work."""

    def begin(self, start: float, end: float) -> None:
        """Run from `start` (perf_counter seconds) for `end` seconds."""

    def end_at(self, end: float) -> None:
        """Move the end, in seconds after the start."""

    def drain(self, deadline: float) -> None:
        """Wait until every user has finished, or until `deadline`, in seconds after the start."""


class Engine:
    """Carries out a part of a plan in this process; EngineError for a plan that names missing users, tasks or ports."""

    def __init__(self, environment: Environment, plan: Plan, part: Part, users: Users) -> None:
        scenario = plan.scenario
        self._environment, self._plan, self._part = environment, plan, part
        self._end = scenario.warm_up_s + scenario.duration_s
        self._journals: dict[str, Journal] = {}
        self._cpu: list[float] = []
        self._health: HealthWatch
        self._vitals: Vitals
        self._recorder = _recorder(plan)
        self._dispatching: gevent.Greenlet | None = None
        try:
            self._pools = self._locustfile_pools(users) if isinstance(users, dict) else self._task_pools(users)
            self._closed = [self._closed_group(name, each, users) for name, each in scenario.closed.items()]
        except LocustfileError as error:
            raise EngineError(str(error)) from error
        pools = {id(pool): pool for some, _ in self._pools.values() for pool in some}
        self._dispatcher = Dispatcher(self._pool_of, pools.values(), self._recorder)
        locust_adapter.install()
        self._realtime = plan.realtime and realtime.enable()
        # Locust alone has some 100,000 objects; a collection that walks all of them stops the loop.
        gc.collect()
        gc.freeze()

    def run(self, starts_at: float, report: Callable[[Progress], None]) -> None:
        """Carry out the schedules, which begin at `starts_at` (Unix time), and report progress once a second."""
        start = time.perf_counter() + starts_at - time.time()
        scenario = self._plan.scenario
        self._dispatcher.begin(start)
        for group in self._closed:
            group.begin(start, self._end)
        gevent.signal_handler(END_SIGNAL, self._end_now)
        watch = gevent.spawn(self._watch, start, report)
        self._health = HealthWatch(start + scenario.warm_up_s, start + self._end)
        self._dispatching = gevent.getcurrent()
        try:
            self._dispatch()
            deadline = self._end + scenario.drain_s
            self._dispatcher.drain(deadline)
            for group in self._closed:
                group.drain(deadline)
        finally:
            watch.kill()
            self._vitals = self._health.finish()

    def now(self) -> float:
        """Seconds since the start of the schedules."""
        return self._dispatcher.now()

    def end_at(self, end: float) -> None:
        """Move the window's end, in seconds after the start of the schedules."""
        self._end = end
        left = max(0.0, end - self._dispatcher.now())
        self._recorder.end_at(end)
        self._health.end_at(time.perf_counter() + left)
        for group in self._closed:
            group.end_at(end)
        gevent.spawn_later(left, self._end_dispatching)

    def share(self) -> Share:
        """Everything that this process measured."""
        return Share(
            self._recorder.counts, self._recorder.timing.export(), self._journals, self._cpu,
            self._dispatcher.users_max, self._realtime, self._vitals,
        )  # fmt: skip

    def _dispatch(self) -> None:
        """Offer this part of the schedules until the window's end."""
        scenario = self._plan.scenario
        try:
            self._dispatcher.run(part_of(arrivals(scenario.courses(), scenario.seed), self._part.index, self._part.of))
            gevent.sleep(max(0.0, self._end - self._dispatcher.now()))
        except _WindowEndedError:
            pass
        self._dispatching = None

    def _end_dispatching(self) -> None:
        if self._dispatching is not None:
            gevent.kill(self._dispatching, _WindowEndedError)

    def _end_now(self) -> None:
        """End the window and keep what it has measured."""
        self.end_at(min(self._end, self._dispatcher.now()))

    def _task_pools(self, users: type[OpenModelUser]) -> dict[str, tuple[list[Pool], list[float]]]:
        """One pool of users for all schedules."""
        scenario = self._plan.scenario
        missing = [name for name in scenario.steps if not hasattr(users, name)]
        if missing:
            raise EngineError(f"{scenario.users} has no task for the arrivals {', '.join(missing)}")
        pool = self._pool(lambda: self._user(users))
        return {name: ([pool], [1.0]) for name in scenario.arrivals}

    def _locustfile_pools(self, users: dict[str, type[User]]) -> dict[str, tuple[list[Pool], list[float]]]:
        """One pool for each user class; an arrival of several classes goes to one of them by their weights."""
        locustfile_adapter.fail_arrivals_with_exceptions(self._environment)
        pools: dict[type[User], Pool] = {}
        found = {}
        for name, plan in self._plan.scenario.arrivals.items():
            classes = locustfile_adapter.selected(users, plan.user)
            for each in classes:
                if each not in pools:
                    pools[each] = self._pool(
                        lambda each=each: LocustfileUser(each, self._environment, self._plan, self._recorder)  # type: ignore[misc]
                    )
            found[name] = ([pools[each] for each in classes], [float(each.weight) for each in classes])
        return found

    def _pool(self, make_user: Callable[[], VirtualUser]) -> Pool:
        scenario = self._plan.scenario
        return Pool(make_user, max(1, self._part.share(scenario.users_max)), scenario.queue_timeout_s, self._recorder)

    def _user(self, users: type[OpenModelUser]) -> OpenModelUser:
        return users(self._environment, self._plan, self._journals, self._recorder)

    def _closed_group(self, name: str, plan: ClosedPlan, users: Users) -> ClosedGroup:
        numbers = range(self._part.index, plan.users, self._part.of)
        if isinstance(users, dict):
            classes = locustfile_adapter.selected(users, plan.user)
            return ClosedLocustUsers(name, classes, numbers, self._environment, self._recorder)
        return ClosedUsers(name, plan, lambda: self._user(users), numbers, self._plan.scenario.seed, self._recorder)

    def _pool_of(self, arrival: Arrival) -> Pool:
        pools, weights = self._pools[arrival.name]
        if len(pools) == 1:
            return pools[0]
        [pool] = choices(arrival.name, arrival.number, self._plan.scenario.seed, "class").choices(pools, weights)
        return pool

    def _watch(self, start: float, report: Callable[[Progress], None]) -> None:
        """Once a second: record the CPU time of the window's seconds, and report progress."""
        scenario = self._plan.scenario
        used, second = time.process_time(), 0
        gevent.sleep(max(0.0, start - time.perf_counter()))
        while True:
            second += 1
            gevent.sleep(max(0.0, start + second - time.perf_counter()))
            before, used = used, time.process_time()
            now = self._dispatcher.now()
            if scenario.warm_up_s < now - 0.5 < self._end:
                self._cpu.append(round(100 * (used - before), 1))
            report(self._progress(now))

    def _progress(self, now: float) -> Progress:
        scenario = self._plan.scenario
        phase = "warm-up" if now < scenario.warm_up_s else "measure" if now < self._end else "drain"
        ends = {"warm-up": scenario.warm_up_s, "measure": self._end, "drain": self._end + scenario.drain_s}
        busy = self._dispatcher.busy + sum(group.busy for group in self._closed)
        counts = self._recorder.budgets.take()
        return Progress(phase, max(0.0, ends[phase] - now), busy, self._recorder.rates(now), counts=counts)


def _recorder(plan: Plan) -> Recorder:
    """The recorder of a run, which serves metrics if the plan names a port; EngineError for a port in use."""
    scenario = plan.scenario
    if plan.metrics_port is None:
        return Recorder(scenario.steps, scenario.warm_up_s, scenario.duration_s, limits(scenario.budgets))
    try:
        from likestorm.generator import exposition
    except ImportError as error:
        raise EngineError(f"metrics need the extra likestorm[prometheus]: {error}") from error
    try:
        return exposition.serve(plan, plan.metrics_port)
    except OSError as error:
        raise EngineError(f"port {plan.metrics_port} (generator metrics) cannot be had: {error.strerror}") from error
