"""Virtual users whose methods are the tasks of open arrivals; `users` in a scenario names such a class."""

from __future__ import annotations

import logging
from random import Random

from gevent import GreenletExit
from locust.contrib.fasthttp import FastHttpUser
from locust.env import Environment

from likestorm.generator.clock import RequestClock
from likestorm.generator.locust_adapter import send_request_events_to
from likestorm.generator.plan import Plan
from likestorm.generator.recorder import Recorder
from likestorm.results.ledger import Journal
from likestorm.scenario.schedule import Arrival, choices

log = logging.getLogger(__name__)


class OpenModelUser(FastHttpUser):
    """A virtual user whose methods are tasks; each instance has one connection of its own to each host.

    A task finds the arrival's random source in `choices`, the arrival's number in `number`, and writes what it did to
    `journals`.
    """

    abstract = True
    concurrency = 1
    connection_timeout = 5.0
    network_timeout = 10.0
    is_ready = True

    def __init__(self, environment: Environment, plan: Plan, journals: dict[str, Journal], recorder: Recorder) -> None:
        self.host = environment.host
        super().__init__(environment)
        self.plan, self.journals = plan, journals
        self.clock = RequestClock(environment, recorder)
        send_request_events_to(self, self.clock)
        self.number = 0
        self._arrival = Arrival(0.0, "", 0)
        self._choices: Random | None = None

    @property
    def choices(self) -> Random:
        """The arrival's random source; made on first use, since seeding takes 5 µs."""
        if self._choices is None:
            arrival = self._arrival
            self._choices = choices(arrival.name, arrival.number, self.plan.scenario.seed, self.plan.salt)
        return self._choices

    def perform(self, arrival: Arrival, due: float) -> None:
        """Run the task with the name of the arrival's schedule; an exception of the task fails the arrival."""
        self.clock.begin(arrival, due)
        self._arrival, self._choices = arrival, None
        self.number = arrival.number
        try:
            getattr(self, arrival.name)()
        except GreenletExit:
            raise
        except Exception:
            self.clock.failed = True
            log.exception("arrival %s #%d", arrival.name, arrival.number)

    def enter(self) -> None:
        """Do nothing: this user is ready from the start."""

    def leave(self) -> None:
        """Do nothing: the end of the process frees everything."""
