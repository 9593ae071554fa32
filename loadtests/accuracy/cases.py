"""The cases: known servers under known schedules, and the error of a reported percentile."""

from __future__ import annotations

from dataclasses import dataclass

from likestorm.results.histogram import nearest_rank

from loadtests.accuracy.drive import Load
from loadtests.accuracy.script import Behaviour, Service, Stall, response_times

PERCENTILES = (50.0, 95.0, 99.0, 99.9)
ERROR_LIMIT = 0.02

STOCK_USER_RATE = 2.0
"""Requests a second of one stock user, so that rate / 2 users offer the rate. Many users favour stock Locust: a user
that waits for an answer delays only its own next request."""


@dataclass(frozen=True)
class Case:
    """A server and its arrivals."""

    name: str
    load: Load
    behaviour: Behaviour

    def expected_ms(self) -> list[float]:
        """The percentiles of these arrivals' response times, by nearest rank."""
        ascending = sorted(response_times(self.behaviour, self.load.due()))
        return [1e3 * (nearest_rank(ascending, percentile) or 0.0) for percentile in PERCENTILES]

    @property
    def stock_users(self) -> int:
        """The number of stock users that offer the same rate."""
        return round(self.load.rate / STOCK_USER_RATE)

    def shortened(self) -> Case:
        """The case with half the duration and half the stalls."""
        stalls = tuple(Stall(stall.at / 2, stall.length / 2) for stall in self.behaviour.stalls)
        return Case(
            self.name,
            Load(self.load.rate, self.load.shape, self.load.seconds / 2),
            Behaviour(self.behaviour.service, self.behaviour.servers, stalls),
        )


CASES = (
    Case(
        "stalls of 0.1, 0.5 and 2 s; 100 ms each, all at once",
        Load(200, "constant", 10),
        Behaviour(Service("constant", 0.1), None, (Stall(1.5, 0.1), Stall(3, 0.5), Stall(5.5, 2))),
    ),
    Case(
        "a stall of 5 s; 100 ms, 3 % take 1.5 s, all at once",
        Load(150, "poisson", 12),
        Behaviour(Service("two-point", 0.1), None, (Stall(4, 5),)),
    ),
    Case(
        "a stall of 1 s; exponential, mean 20 ms, one after the other",
        Load(35, "poisson", 16),
        Behaviour(Service("exponential", 0.02), 1, (Stall(5, 1),)),
    ),
    Case(
        "a stall of 0.5 s; long tail from 60 ms up, 16 at a time",
        Load(60, "poisson", 12),
        Behaviour(Service("long tail", 0.06), 16, (Stall(4, 0.5),)),
    ),
    Case(
        "no stall; exponential, mean 200 ms, all at once",
        Load(200, "poisson", 6),
        Behaviour(Service("exponential", 0.2)),
    ),
)
FLOOR = Case(
    "client, loopback and server take by themselves in every figure above",
    Load(200, "poisson", 4),
    Behaviour(Service("constant", 0)),
)


def errors(expected_ms: list[float], reported_ms: tuple[float | None, ...]) -> list[float | None]:
    """Relative errors; None where nothing was reported."""
    pairs = zip(expected_ms, reported_ms, strict=True)
    return [None if reported is None else reported / expected - 1 for expected, reported in pairs]
