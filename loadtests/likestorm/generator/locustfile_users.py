"""Users of somebody's own locustfile, unchanged: they run one task an arrival, or closed, as the file is written."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from random import Random
from typing import Any

import gevent
from gevent import GreenletExit
from gevent.event import Event
from locust import FastHttpUser, HttpUser, TaskSet, User
from locust.contrib.fasthttp import FastHttpSession
from locust.env import Environment
from locust.exception import StopTest, StopUser
from locust.user.task import DefaultTaskSet
from locust.util.load_locustfile import load_locustfile

from likestorm.generator.client import quicken
from likestorm.generator.clock import RequestClock, failure
from likestorm.generator.plan import Plan
from likestorm.generator.recorder import Recorder
from likestorm.scenario.schedule import Arrival, choices

log = logging.getLogger(__name__)


class LocustfileError(Exception):
    """A locustfile that cannot be driven as the scenario asks; the message names what is missing."""


def load(path: str) -> dict[str, type[User]]:
    """The user classes of a locustfile by name; its load shapes are left alone."""
    try:
        users, _ = load_locustfile(path)
    except (Exception, SystemExit) as error:
        raise LocustfileError(f"{path}: {type(error).__name__}: {error}") from error
    if not users:
        raise LocustfileError(f"{path}: no user class")
    return users


def chosen(users: dict[str, type[User]], wanted: str | None) -> list[type[User]]:
    """The class of that name, or all of them; LocustfileError where one is missing or has nothing to do."""
    if wanted and wanted not in users:
        raise LocustfileError(f"no user class {wanted!r} in the locustfile; there are {', '.join(users)}")
    classes = [users[wanted]] if wanted else list(users.values())
    for each in classes:
        if not issubclass(each, HttpUser | FastHttpUser):
            raise LocustfileError(f"{each.__name__} is neither an HttpUser nor a FastHttpUser")
        if not each.tasks:
            raise LocustfileError(f"{each.__name__} has no tasks")
    return classes


class ArrivalTasks(DefaultTaskSet):
    """A user's tasks, one an arrival: which one, by their weights, depends on the arrival alone."""

    def get_next_task(self) -> Any:
        """A task, or a TaskSet's class, by the weights of the user's class."""
        return _borrowed(self).choices.choice(self.user.tasks)


class Borrowed:
    """A user of the locustfile that performs arrivals: where Locust would let it wait, it waits for the next one.

    So tasks, nested and sequential TaskSets, interrupt(), on_start and on_stop are Locust's own; only wait_time is not
    asked. A TaskSet that its user entered is left, as in Locust, by interrupt().
    """

    def __init__(self, user_class: type[User], environment: Environment, plan: Plan, recorder: Recorder) -> None:
        self.clock = RequestClock(environment, recorder)
        self.choices = Random()
        self.is_ready = False
        self._plan = plan
        self._user = _instance(user_class, environment, self.clock)
        self._user.borrowed = self  # type: ignore[attr-defined]  # how ArrivalTasks and _wait find back
        self._life: gevent.Greenlet | None = None
        self._turn, self._over = Event(), Event()

    def enter(self) -> None:
        """Run on_start; where it fails, this user never becomes ready."""
        self._life = gevent.spawn(self._live)
        self._over.wait()

    def perform(self, arrival: Arrival, due: float) -> None:
        """Let the user go on to its next wait, which is one task."""
        self.choices = choices(arrival.name, arrival.number, self._plan.scenario.seed)
        self.clock.begin(arrival, due)
        self._over.clear()
        self._turn.set()
        self._over.wait()
        self.clock.rest()

    def leave(self) -> None:
        """End the user, who then runs on_stop."""
        if self._life:
            self._life.kill()

    def wait_for_arrival(self) -> None:
        """What the user does in place of Locust's wait."""
        self._over.set()
        self._turn.wait()
        self._turn.clear()

    def _live(self) -> None:
        """Locust's own User.run, with ArrivalTasks, and a wait between on_start and the first task."""
        user = self._user
        user._state = "running"
        tasks = user._taskset_instance = ArrivalTasks(user)
        try:
            user.on_start()
            self.is_ready = True
            self.wait_for_arrival()
            tasks.run()  # type: ignore[no-untyped-call]
        except (StopUser, StopTest, GreenletExit):
            user.on_stop()  # type: ignore[no-untyped-call]
        except Exception:
            log.exception("a user of %s could not start", type(user).__name__)
        finally:
            self.is_ready = False
            self._over.set()


class AsWritten:
    """Closed users who run the locustfile as it is written, wait_time and all; every request counts as an arrival."""

    def __init__(
        self, name: str, classes: list[type[User]], numbers: Iterable[int], environment: Environment, recorder: Recorder
    ) -> None:
        self._name, self._environment, self._recorder = name, environment, recorder
        self._event = environment.events.request
        by_weight = [each for each in classes for _ in range(max(1, round(each.weight)))]
        self._classes = [by_weight[number % len(by_weight)] for number in numbers]
        self._users: list[User] = []
        self._lives: list[gevent.Greenlet] = []
        self._start = 0.0
        self._count = 0

    @property
    def busy(self) -> int:
        """Users who have not stopped."""
        return sum(not life.ready() for life in self._lives)

    def begin(self, start: float, end: float) -> None:
        """Live from `start` (perf_counter seconds) for `end` seconds."""
        self._start = start
        self._users = [_instance(each, self._environment, self) for each in self._classes]
        wait = max(0.0, start - time.perf_counter())
        self._lives = [gevent.spawn_later(wait, user.run) for user in self._users]
        gevent.spawn_later(wait + end, self._stop)

    def end_at(self, end: float) -> None:
        """Live until `end` (seconds after the start), and not as planned."""
        gevent.spawn_later(max(0.0, self._start + end - time.perf_counter()), self._stop)

    def drain(self, deadline: float) -> None:
        """Wait until everybody has stopped, or until `deadline`; what is under way then is not counted."""
        gevent.joinall(self._lives, timeout=max(0.0, deadline - (time.perf_counter() - self._start)))
        gevent.killall(self._lives)

    def fire(self, **meta: Any) -> None:
        """Locust's client reports a finished request here, which was due when it was sent."""
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

    def _stop(self) -> None:
        """Locust's own way to let a user finish its task; who waits is woken and ends at once."""
        for user, life in zip(self._users, self._lives, strict=True):
            if user._state == "running":
                user._state = "stopping"
            elif not life.ready():
                life.kill(block=False)


def _instance(user_class: type[User], environment: Environment, request_event: object) -> User:
    """A user of that class whose client reports its requests to `request_event`."""
    if environment.host:
        user_class.host = environment.host
    user = user_class(environment)
    if isinstance(user, FastHttpUser) and isinstance(user.client, FastHttpSession) and user.client_pool is None:
        quicken(user.client)
    user.client.request_event = request_event  # type: ignore[attr-defined]
    return user


def listen_for_failures(environment: Environment) -> None:
    """An exception that a task does not catch is a failed arrival."""

    def failed(user_instance: Any, **_: object) -> None:
        borrowed = getattr(getattr(user_instance, "user", user_instance), "borrowed", None)
        if borrowed:
            borrowed.clock.failed = True

    environment.events.user_error.add_listener(failed)  # type: ignore[no-untyped-call]


def _borrowed(tasks: TaskSet) -> Borrowed:
    borrowed: Borrowed = tasks.user.borrowed  # type: ignore[attr-defined]
    return borrowed


_locusts_wait = TaskSet.wait


def _wait(tasks: TaskSet) -> None:
    """Takes the place of Locust's wait in TaskSets of every depth."""
    if hasattr(tasks.user, "borrowed"):
        _borrowed(tasks).wait_for_arrival()
    else:
        _locusts_wait(tasks)  # type: ignore[no-untyped-call]


TaskSet.wait = _wait  # type: ignore[method-assign]
