"""One process's part of a run: warm up, measure, drain, and watch itself meanwhile."""

from __future__ import annotations

import gc
import importlib
import time
from collections.abc import Callable
from typing import Protocol

import gevent
from locust import User
from locust.env import Environment

from likestorm.generator import connections, exposition, locustfile_users
from likestorm.generator.arrivals import OpenModelUser
from likestorm.generator.closed_users import ClosedUsers
from likestorm.generator.dispatcher import Dispatcher, Pool
from likestorm.generator.health import VitalsWatch
from likestorm.generator.locustfile_users import AsWritten, Borrowed, LocustfileError
from likestorm.generator.plan import END_SIGNAL, Plan, Progress, Share
from likestorm.generator.realtime import go_first
from likestorm.results.ledger import Journal
from likestorm.results.record.traffic import Vitals
from likestorm.scenario.schedule import Arrival, Part, arrivals, choices, part_of
from likestorm.scenario.workload import ClosedPlan


class _EndedEarlyError(Exception):
    """Thrown into whoever dispatches, when the run is to end."""


Users = type[OpenModelUser] | dict[str, type[User]]
"""A user class whose methods are the tasks, or those of somebody's own locustfile by name."""


class EngineError(Exception):
    """A plan that this process cannot carry out; the message says why."""


def load_users(plan: Plan) -> Users:
    """Import whom the plan's scenario names; EngineError where they cannot be had."""
    if plan.locustfile:
        try:
            return locustfile_users.load(plan.locustfile)
        except LocustfileError as error:
            raise EngineError(str(error)) from error
    module, _, name = plan.scenario.users.partition(":")
    try:
        users: type[OpenModelUser] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise EngineError(f"users = {plan.scenario.users!r}: {error}") from error
    return users


class Closed(Protocol):
    """A group of closed-model users."""

    @property
    def busy(self) -> int:
        """Users at work."""

    def begin(self, start: float, end: float) -> None:
        """Live from `start` (perf_counter seconds) for `end` seconds."""

    def end_at(self, end: float) -> None:
        """Live until `end` (seconds after the start), and not as planned."""

    def drain(self, deadline: float) -> None:
        """Wait until everybody has finished, or until `deadline` (seconds after the start)."""


class Engine:
    """Carries out a part of a plan in this process; EngineError where the plan asks for what is not there."""

    def __init__(self, environment: Environment, plan: Plan, part: Part, users: Users) -> None:
        scenario = plan.scenario
        self._environment, self._plan, self._part = environment, plan, part
        self._end = scenario.warm_up_s + scenario.duration_s
        self._journals: dict[str, Journal] = {}
        self._cpu: list[float] = []
        self._vitals: Vitals
        self._watcher: VitalsWatch
        try:
            self.recorder = exposition.recorder(plan)
        except OSError as error:
            raise EngineError(f"port {plan.metrics_port} (swarm) cannot be had: {error.strerror}") from error
        self._dispatching: gevent.Greenlet | None = None
        try:
            self._pools = self._borrowed_pools(users) if isinstance(users, dict) else self._own_pools(users)
            self._closed = [self._closed_users(name, each, users) for name, each in scenario.closed.items()]
        except LocustfileError as error:
            raise EngineError(str(error)) from error
        pools = {id(pool): pool for some, _ in self._pools.values() for pool in some}
        self._dispatcher = Dispatcher(self._pool_of, pools.values(), self.recorder)
        connections.install()
        self._realtime = plan.realtime and go_first()
        # Locust alone is some 100,000 objects: the collector need not walk them again and again, which stops the loop.
        gc.collect()
        gc.freeze()

    def run(self, starts_at: float, report: Callable[[Progress], None]) -> None:
        """Do the part of the schedules, which begin at `starts_at` (Unix time), and report progress once a second."""
        start = time.perf_counter() + starts_at - time.time()
        scenario = self._plan.scenario
        self._dispatcher.begin(start)
        for group in self._closed:
            group.begin(start, self._end)
        gevent.signal_handler(END_SIGNAL, self._end_early)
        watch = gevent.spawn(self._watch, start, report)
        self._watcher = VitalsWatch(start + scenario.warm_up_s, start + self._end)
        self._dispatching = gevent.getcurrent()
        try:
            self._dispatch()
            deadline = self._end + scenario.drain_s
            self._dispatcher.drain(deadline)
            for group in self._closed:
                group.drain(deadline)
        finally:
            watch.kill()
            self._vitals = self._watcher.finish()

    def now(self) -> float:
        """Seconds since the start of the schedules."""
        return self._dispatcher.now()

    def _dispatch(self) -> None:
        """Offer this part of the schedules, until the window's end, whenever that is."""
        scenario = self._plan.scenario
        try:
            self._dispatcher.run(part_of(arrivals(scenario.courses(), scenario.seed), self._part.index, self._part.of))
            gevent.sleep(max(0.0, self._end - self._dispatcher.now()))
        except _EndedEarlyError:
            pass
        self._dispatching = None

    def end_at(self, end: float) -> None:
        """End the window at `end` (seconds after the start of the schedules), which lies ahead."""
        self._end = end
        left = max(0.0, end - self._dispatcher.now())
        self.recorder.end_at(end)
        self._watcher.end_at(time.perf_counter() + left)
        for group in self._closed:
            group.end_at(end)
        gevent.spawn_later(left, self._end_dispatching)

    def _end_dispatching(self) -> None:
        if self._dispatching is not None:
            gevent.kill(self._dispatching, _EndedEarlyError)

    def _end_early(self) -> None:
        """The window ends now; what it has measured until then counts."""
        self.end_at(min(self._end, self._dispatcher.now()))

    def share(self) -> Share:
        """What this process measured."""
        recorded, users_max = self.recorder.dump(), self._dispatcher.users_max
        return Share(recorded, self._journals, self._cpu, users_max, self._realtime, self._vitals)

    def _own_pools(self, users: type[OpenModelUser]) -> dict[str, tuple[list[Pool], list[float]]]:
        scenario = self._plan.scenario
        missing = [name for name in scenario.steps if not hasattr(users, name)]
        if missing:
            raise EngineError(f"{scenario.users} has no task for the arrivals {', '.join(missing)}")
        pool = self._pool(lambda: self._own_user(users))
        return {name: ([pool], [1.0]) for name in scenario.arrivals}

    def _borrowed_pools(self, users: dict[str, type[User]]) -> dict[str, tuple[list[Pool], list[float]]]:
        """A pool a user class; an arrival of several classes goes to one of them by their weights."""
        locustfile_users.listen_for_failures(self._environment)
        pools: dict[type[User], Pool] = {}
        found = {}
        for name, plan in self._plan.scenario.arrivals.items():
            classes = locustfile_users.chosen(users, plan.user)
            for each in classes:
                pools.setdefault(each, self._pool(lambda each=each: self._borrow(each)))  # type: ignore[misc]
            found[name] = ([pools[each] for each in classes], [float(each.weight) for each in classes])
        return found

    def _pool(self, make_user: Callable[[], OpenModelUser | Borrowed]) -> Pool:
        scenario = self._plan.scenario
        return Pool(make_user, max(1, self._part.share(scenario.users_max)), scenario.lateness_max_s, self.recorder)

    def _own_user(self, users: type[OpenModelUser]) -> OpenModelUser:
        return users(self._environment, self._plan, self._journals, self.recorder)

    def _borrow(self, user_class: type[User]) -> Borrowed:
        return Borrowed(user_class, self._environment, self._plan, self.recorder)

    def _closed_users(self, name: str, plan: ClosedPlan, users: Users) -> Closed:
        numbers = range(self._part.index, plan.users, self._part.of)
        if isinstance(users, dict):
            return AsWritten(name, locustfile_users.chosen(users, plan.user), numbers, self._environment, self.recorder)
        return ClosedUsers(
            name, plan, lambda: self._own_user(users), numbers, self._plan.scenario.seed, self.recorder
        )  # fmt: skip

    def _pool_of(self, arrival: Arrival) -> Pool:
        pools, weights = self._pools[arrival.name]
        if len(pools) == 1:
            return pools[0]
        [pool] = choices(arrival.name, arrival.number, self._plan.scenario.seed, "class").choices(pools, weights)
        return pool

    def _watch(self, start: float, report: Callable[[Progress], None]) -> None:
        """Once a second of the run: note the CPU time used and report progress; CPU is kept for the window only."""
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
            phase = "warm-up" if now < scenario.warm_up_s else "measure" if now < self._end else "drain"
            ends = {"warm-up": scenario.warm_up_s, "measure": self._end, "drain": self._end + scenario.drain_s}
            busy = self._dispatcher.busy + sum(group.busy for group in self._closed)
            counts = self.recorder.tally.empty()
            report(Progress(phase, max(0.0, ends[phase] - now), busy, self.recorder.rates(now), counts=counts))
