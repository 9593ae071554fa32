"""Users of an unchanged locustfile: driven by open arrivals, one task an arrival, or as closed users with wait_time."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from random import Random
from typing import Any

import gevent
from gevent.event import Event
from gevent.pool import Group
from locust import FastHttpUser, HttpUser, User
from locust.env import Environment

from likestorm.generator.clock import RequestClock, failure
from likestorm.generator.locust_adapter import (
    HttpLocustUser,
    Turns,
    load_user_classes,
    run_by_turns,
    send_request_events_to,
    turns_of,
)
from likestorm.generator.plan import Plan
from likestorm.generator.recorder import Recorder
from likestorm.scenario.schedule import Arrival, choices

log = logging.getLogger(__name__)

UserClass = type[HttpLocustUser]


class LocustfileError(Exception):
    """A locustfile that cannot be driven as the scenario asks; the message names what is missing."""


def load(path: str) -> dict[str, type[User]]:
    """The user classes of a locustfile by name; its load shapes are ignored."""
    try:
        users = load_user_classes(path)
    except (Exception, SystemExit) as error:
        raise LocustfileError(f"{path}: {type(error).__name__}: {error}") from error
    if not users:
        raise LocustfileError(f"{path}: no user class")
    return users


def selected(users: dict[str, type[User]], wanted: str | None) -> list[UserClass]:
    """The class with that name, or all classes; LocustfileError for a missing class and one without HTTP or tasks."""
    if wanted and wanted not in users:
        raise LocustfileError(f"no user class {wanted!r} in the locustfile; there are {', '.join(users)}")
    classes: list[UserClass] = []
    for each in [users[wanted]] if wanted else users.values():
        if not issubclass(each, HttpUser | FastHttpUser):
            raise LocustfileError(f"{each.__name__} is neither an HttpUser nor a FastHttpUser")
        if not each.tasks:
            raise LocustfileError(f"{each.__name__} has no tasks")
        classes.append(each)
    return classes


class LocustfileUser(Turns):
    """A user of the locustfile that performs arrivals: where Locust would wait, the user waits for its next arrival.

    Tasks, nested and sequential TaskSets, interrupt(), on_start and on_stop are Locust's own; wait_time is not used.
    A user leaves a TaskSet, as in Locust, by interrupt().
    """

    def __init__(self, user_class: UserClass, environment: Environment, plan: Plan, recorder: Recorder) -> None:
        self.clock = RequestClock(environment, recorder)
        self.is_ready = False
        self._choices = Random()
        self._plan = plan
        self._user = _instance(user_class, environment, self.clock)
        self._greenlet: gevent.Greenlet | None = None
        self._turn, self._over = Event(), Event()

    def enter(self) -> None:
        """Run on_start; after a failure the user never becomes ready."""
        self._greenlet = gevent.spawn(self._run)
        self._over.wait()

    def perform(self, arrival: Arrival, due: float) -> None:
        """Let the user run until its next wait, which is one task."""
        self._choices = choices(arrival.name, arrival.number, self._plan.scenario.seed)
        self.clock.begin(arrival, due)
        self._over.clear()
        self._turn.set()
        self._over.wait()
        self.clock.rest()

    def leave(self) -> None:
        """Stop the user, which runs on_stop."""
        if self._greenlet:
            self._greenlet.kill()

    def wait(self) -> None:
        """End the arrival and wait for the next."""
        self._over.set()
        self._turn.wait()
        self._turn.clear()

    def choose(self, tasks: Sequence[Any]) -> Any:
        """The arrival's task: the choice by weight depends on the arrival alone."""
        return self._choices.choice(tasks)

    def _run(self) -> None:
        try:
            run_by_turns(self._user, self, self._get_ready)
        except Exception:
            log.exception("a user of %s could not start", type(self._user).__name__)
        finally:
            self.is_ready = False
            self._over.set()

    def _get_ready(self) -> None:
        self.is_ready = True


class ClosedLocustUsers:
    """Closed users that run the locustfile as it is written, wait_time included; each request counts as an arrival."""

    def __init__(
        self, name: str, classes: list[UserClass], numbers: Iterable[int], environment: Environment, recorder: Recorder
    ) -> None:
        self._name, self._environment, self._recorder = name, environment, recorder
        self._event = environment.events.request
        by_weight = [each for each in classes for _ in range(max(1, round(each.weight)))]
        self._classes = [by_weight[number % len(by_weight)] for number in numbers]
        self._users: list[User] = []
        self._running = Group()
        self._start = 0.0
        self._count = 0

    @property
    def busy(self) -> int:
        """Users that have not stopped."""
        return len(self._running)

    def begin(self, start: float, end: float) -> None:
        """Run from `start` (perf_counter seconds) for `end` seconds."""
        self._start = start
        self._users = [_instance(each, self._environment, self) for each in self._classes]
        gevent.spawn_later(max(0.0, start - time.perf_counter()), self._start_users)
        self.end_at(end)

    def end_at(self, end: float) -> None:
        """Move the end, in seconds after the start."""
        gevent.spawn_later(max(0.0, self._start + end - time.perf_counter()), self._stop_users)

    def drain(self, deadline: float) -> None:
        """Wait until every user has stopped, or until `deadline`; requests under way are then not counted."""
        self._running.join(timeout=max(0.0, deadline - (time.perf_counter() - self._start)))
        self._running.kill()

    def fire(self, **meta: Any) -> None:
        """Receive a request that Locust's client finished; the request was due when it was sent."""
        now, service = time.perf_counter() - self._start, meta["response_time"] / 1e3
        arrival = Arrival(now - service, self._name, self._count)
        self._count += 1
        error, timed_out = failure(meta.get("exception"))
        if url := meta.get("url"):
            self._recorder.sent(url, failed=error is not None)
        self._recorder.offered(arrival)
        self._recorder.request_ended(arrival, meta["name"], service, service, error=error, timed_out=timed_out)
        self._recorder.arrival_ended(arrival, service, now, failed=error is not None, timed_out=timed_out)
        self._event.fire(**meta)  # type: ignore[no-untyped-call]

    def _start_users(self) -> None:
        for user in self._users:
            user.start(self._running)

    def _stop_users(self) -> None:
        """Let users finish their task, and stop waiting users at once."""
        users, self._users = self._users, []
        for user in users:
            gevent.spawn(user.stop)


def _instance(user_class: UserClass, environment: Environment, listener: object) -> HttpLocustUser:
    """A user of that class that reports its requests to `listener.fire`."""
    if environment.host:
        user_class.host = environment.host
    user = user_class(environment)
    send_request_events_to(user, listener)
    return user


def fail_arrivals_with_exceptions(environment: Environment) -> None:
    """Count an arrival whose task raises an exception as failed."""

    def failed(user_instance: Any, **_: object) -> None:
        turns = turns_of(getattr(user_instance, "user", user_instance))  # Locust passes a TaskSet
        if isinstance(turns, LocustfileUser):
            turns.clock.failed = True

    environment.events.user_error.add_listener(failed)  # type: ignore[no-untyped-call]
