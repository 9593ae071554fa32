"""Closed-model users: each begins its next round only when the last was answered and it has thought for a while.

A target that stalls is asked less by them, and what it would have kept waiting is in no percentile (coordinated
omission); latency counts from sending. The report says so wherever it shows them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import gevent

from likestorm.generator.dispatcher import VirtualUser
from likestorm.generator.recorder import Recorder
from likestorm.scenario.schedule import Arrival, choices
from likestorm.scenario.workload import ClosedPlan


class ClosedUsers:
    """The users of one [closed.NAME]: they repeat the task NAME until the window ends; a round counts as an arrival."""

    def __init__(
        self,
        name: str,
        plan: ClosedPlan,
        make_user: Callable[[], VirtualUser],
        numbers: Iterable[int],
        seed: int,
        recorder: Recorder,
    ) -> None:
        self._name, self._plan, self._seed = name, plan, seed
        self._make_user, self._recorder = make_user, recorder
        self._numbers = list(numbers)
        self._start = 0.0
        self._end = 0.0
        self._users: list[gevent.Greenlet] = []
        self._under_way: dict[VirtualUser, Arrival] = {}

    @property
    def busy(self) -> int:
        """Users who wait for an answer."""
        return len(self._under_way)

    def begin(self, start: float, end: float) -> None:
        """Live from `start` (perf_counter seconds) for `end` seconds."""
        self._start, self._end = start, end
        self._users = [gevent.spawn(self._live, number) for number in self._numbers]

    def end_at(self, end: float) -> None:
        """Live until `end` (seconds after the start), and not as planned."""
        self._end = end

    def drain(self, deadline: float) -> None:
        """Wait until everybody has finished the last round, or until `deadline`; the rest is unfinished."""
        gevent.joinall(self._users, timeout=max(0.0, deadline - self._now()))
        for user, arrival in self._under_way.items():
            self._recorder.arrival_unfinished(arrival, user.clock.steps_done)
            user.clock.rest()
        self._under_way.clear()
        gevent.killall(self._users)

    def _now(self) -> float:
        return time.perf_counter() - self._start

    def _live(self, number: int) -> None:
        thoughts = choices(self._name, number, self._seed, "thoughts")
        shortest, longest = self._plan.think_s or (0.0, 0.0)
        user = self._make_user()
        gevent.sleep(max(0.0, -self._now()))
        while True:
            gevent.sleep(thoughts.uniform(shortest, longest))
            if self._now() >= self._end:
                return
            self._round(user, Arrival(self._now(), self._name, number))
            number += self._plan.users

    def _round(self, user: VirtualUser, arrival: Arrival) -> None:
        self._recorder.offered(arrival)
        self._under_way[user] = arrival
        user.perform(arrival, self._start + arrival.due)
        if self._under_way.pop(user, None) is None:
            return
        now, clock = self._now(), user.clock
        self._recorder.arrival_ended(arrival, now - arrival.due, now, failed=clock.failed, timed_out=clock.timed_out)
