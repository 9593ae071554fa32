"""Open-model dispatch: arrivals start when they are due, whether or not earlier ones have been answered."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Protocol

import gevent

from likestorm.generator.clock import RequestClock
from likestorm.generator.locust_adapter import park, wake
from likestorm.generator.precise_timer import PreciseTimer
from likestorm.generator.recorder import Recorder
from likestorm.scenario.schedule import Arrival

BURST = 32
"""After this many arrivals in a row the dispatcher lets the arrivals under way run."""
DRAIN_POLL_S = 0.01
LEAVE_S = 5.0
"""Limit for what virtual users do after their last arrival."""


class VirtualUser(Protocol):
    """A user that performs one arrival at a time, once `enter` has made it ready."""

    clock: RequestClock
    is_ready: bool

    def enter(self) -> None:
        """Do what comes before the first arrival and set is_ready; after a failure is_ready stays False."""

    def perform(self, arrival: Arrival, due: float) -> None:
        """Perform an arrival whose first request was due at `due` (perf_counter seconds)."""

    def leave(self) -> None:
        """Do what comes after the last arrival."""


class Pool:
    """Virtual users of one kind. The pool grows up to a maximum; then arrivals queue, and are dropped at a timeout."""

    def __init__(
        self, make_user: Callable[[], VirtualUser], users_max: int, queue_timeout_s: float, recorder: Recorder
    ) -> None:
        self._make_user = make_user
        self._users_limit = users_max
        self._queue_timeout_s = queue_timeout_s
        self._recorder = recorder
        self._idle: list[VirtualUser] = []
        self._entering = 0
        self._is_open = True
        self._greenlets: dict[VirtualUser, gevent.Greenlet] = {}
        self.busy: dict[VirtualUser, Arrival] = {}
        self.waiting: deque[Arrival] = deque()
        self.start = 0.0
        self.users_max = 0

    def offer(self, arrival: Arrival) -> None:
        """Add an arrival that is due."""
        self.waiting.append(arrival)
        self._serve()

    def unfinished(self) -> list[tuple[Arrival, int]]:
        """The arrivals that wait or are under way, each with the number of its steps that are done."""
        under_way = [(arrival, user.clock.steps_done) for user, arrival in self.busy.items()]
        return under_way + [(arrival, 0) for arrival in self.waiting]

    def close(self) -> None:
        """Stop the arrivals under way without counting them, and let every user leave."""
        self._is_open = False
        self.waiting.clear()
        users = [*self.busy, *self._idle]
        for user in users:
            user.clock.rest()
        gevent.killall(list(self._greenlets.values()))
        gevent.joinall([gevent.spawn(user.leave) for user in users], timeout=LEAVE_S)

    def _serve(self) -> None:
        """Give waiting arrivals to free virtual users, in the order in which they were due."""
        while self.waiting:
            if time.perf_counter() - self.start - self.waiting[0].due > self._queue_timeout_s:
                self._recorder.arrival_dropped(self.waiting.popleft())
                continue
            if not self._idle and not self._grow():
                return
            user, arrival = self._idle.pop(), self.waiting.popleft()
            self.busy[user] = arrival
            self.users_max = max(self.users_max, len(self.busy))
            if user in self._greenlets:
                wake(self._greenlets[user])
            else:
                self._greenlets[user] = gevent.spawn(self._run, user)

    def _grow(self) -> bool:
        """Add a virtual user if the maximum allows it; returns whether a user is ready at once."""
        if len(self.busy) + self._entering >= self._users_limit or self._entering >= len(self.waiting):
            return False
        user = self._make_user()
        if user.is_ready:
            self._idle.append(user)
            return True
        self._entering += 1
        gevent.spawn(self._enter, user)
        return False

    def _enter(self, user: VirtualUser) -> None:
        """Let a new user enter, which belongs to no arrival; arrivals may wait for the user in the queue."""
        user.enter()
        self._entering -= 1
        if user.is_ready:
            self._idle.append(user)
            self._serve()

    def _run(self, user: VirtualUser) -> None:
        """Perform one arrival after the other: a new greenlet for each would cost 30 µs, mostly for its stack."""
        self._perform(user, self.busy[user])
        while user.is_ready:
            park()
            self._perform(user, self.busy[user])

    def _perform(self, user: VirtualUser, arrival: Arrival) -> None:
        due = self.start + arrival.due
        user.perform(arrival, due)
        if not self._is_open:
            return
        now, clock = time.perf_counter(), user.clock
        self._recorder.arrival_ended(
            arrival, now - due, now - self.start, failed=clock.failed, timed_out=clock.timed_out
        )
        del self.busy[user]
        if user.is_ready:
            self._idle.append(user)
        else:
            del self._greenlets[user]
        self._serve()


class Dispatcher:
    """Gives every arrival, when it is due, to the pool that serves it."""

    def __init__(self, pool_of: Callable[[Arrival], Pool], pools: Iterable[Pool], recorder: Recorder) -> None:
        self._pool_of = pool_of
        self._pools = list(pools)
        self._recorder = recorder
        self._start = 0.0

    @property
    def busy(self) -> int:
        """The number of virtual users with an arrival."""
        return sum(len(pool.busy) for pool in self._pools)

    @property
    def users_max(self) -> int:
        """The largest number of virtual users with an arrival, summed over the pools."""
        return sum(pool.users_max for pool in self._pools)

    def now(self) -> float:
        """Seconds since the start of the schedules."""
        return time.perf_counter() - self._start

    def begin(self, start: float) -> None:
        """Set the start of the schedules (perf_counter seconds)."""
        self._start = start
        for pool in self._pools:
            pool.start = start

    def run(self, arrivals: Iterable[Arrival]) -> None:
        """Dispatch every arrival when it is due."""
        burst = 0
        with closing(PreciseTimer()) as timer:
            for arrival in arrivals:
                wait = arrival.due - self.now()
                burst = 0 if wait > 0 else (burst + 1) % BURST
                if wait > 0:
                    timer.wait_until(self._start + arrival.due)
                elif burst == 0:
                    gevent.sleep(0)
                self._recorder.dispatched(arrival, max(0.0, self.now() - arrival.due))
                self._pool_of(arrival).offer(arrival)

    def drain(self, deadline: float) -> None:
        """Wait until all arrivals have ended, or until `deadline`; the remaining arrivals are unfinished."""
        while any(pool.busy or pool.waiting for pool in self._pools) and self.now() < deadline:
            gevent.sleep(min(DRAIN_POLL_S, max(0.0, deadline - self.now())))
        for pool in self._pools:
            for arrival, steps_done in pool.unfinished():
                self._recorder.arrival_unfinished(arrival, steps_done)
            pool.close()
