"""Closed-model users: each starts its next round only after the last was answered and a pause for thinking.

A target that stalls gets fewer requests from closed-model users, and the delay of requests that were not made is in no
percentile (coordinated omission); latency counts from sending. Reports say so beside closed-model results.
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
        self._greenlets: list[gevent.Greenlet] = []
        self._under_way: dict[VirtualUser, Arrival] = {}

    @property
    def busy(self) -> int:
        """Users that wait for an answer."""
        return len(self._under_way)

    def begin(self, start: float, end: float) -> None:
        """Run from `start` (perf_counter seconds) for `end` seconds."""
        self._start, self._end = start, end
        self._greenlets = [gevent.spawn(self._run, number) for number in self._numbers]

    def end_at(self, end: float) -> None:
        """Move the end, in seconds after the start."""
        self._end = end

    def drain(self, deadline: float) -> None:
        """Wait until every user has finished its round, or until `deadline`; the remaining rounds are unfinished."""
        gevent.joinall(self._greenlets, timeout=max(0.0, deadline - self._now()))
        for user, arrival in self._under_way.items():
            self._recorder.arrival_unfinished(arrival, user.clock.steps_done)
            user.clock.rest()
        self._under_way.clear()
        gevent.killall(self._greenlets)

    def _now(self) -> float:
        return time.perf_counter() - self._start

    def _run(self, number: int) -> None:
        pauses = choices(self._name, number, self._seed, "thoughts")
        shortest, longest = self._plan.think_s or (0.0, 0.0)
        user = self._make_user()
        gevent.sleep(max(0.0, -self._now()))
        while True:
            gevent.sleep(pauses.uniform(shortest, longest))
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
