"""Everything that one process counts of a run, in a form that can be sent to another process and added up there."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import reduce
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, field

from likestorm.results.histogram import Histogram, decode, nearest_rank
from likestorm.results.ledger import Journal
from likestorm.results.record.traffic import Requests, Vitals
from likestorm.results.server_timing import Reservoir

Part = TypeVar("Part")


class RequestCounts(Struct):
    """The window's requests of one name."""

    count: int = 0
    timeouts: int = 0
    errors: dict[str, int] = field(default_factory=Counter)
    response: Histogram = field(default_factory=Histogram)
    service: Histogram = field(default_factory=Histogram)
    failed: Histogram = field(default_factory=Histogram)

    def summary(self) -> Requests:
        """The counts as a record holds them."""
        return Requests(
            count=self.count,
            failures=self.failed.completed,
            timeouts=self.timeouts,
            censored=self.response.censored,
            response_time_ms=self.response.percentiles(),
            service_time_ms=self.service.percentiles(),
            histogram=self.response.encode(),
            service_histogram=self.service.encode(),
            failure_histogram=self.failed.encode(),
            errors=dict(Counter(self.errors).most_common()),
        )


class Second(Struct):
    """The arrivals of one schedule that were due in one second; `responses` are those of completed ones, seconds."""

    offered: int = 0
    failed: int = 0
    timed_out: int = 0
    dropped: int = 0
    unfinished: int = 0
    responses: list[float] = []

    def percentiles_ms(self, *percentiles: float) -> list[float | None]:
        """Percentiles of the completed arrivals' response times; None without any."""
        ascending = sorted(self.responses)
        values = (nearest_rank(ascending, percentile) for percentile in percentiles)
        return [None if value is None else round(value * 1e3, 3) for value in values]


def _seconds() -> defaultdict[str, dict[int, Second]]:
    return defaultdict(lambda: defaultdict(Second))


def _counters() -> defaultdict[str, dict[str, int]]:
    return defaultdict(Counter)


class Counts(Struct):
    """One process's counts, or the sum of several processes'.

    requests: by name. seconds: by schedule and second of the window, negative in the warm-up. lag: dispatch lag.
    requested: of schedules without declared steps, the requests by name. unplaced: their arrivals that were given up.
    answered, failed: requests of the whole run by address.
    """

    requests: dict[str, RequestCounts] = field(default_factory=lambda: defaultdict(RequestCounts))
    seconds: dict[str, dict[int, Second]] = field(default_factory=_seconds)
    lag: Histogram = field(default_factory=Histogram)
    requested: dict[str, dict[str, int]] = field(default_factory=_counters)
    unplaced: dict[str, int] = field(default_factory=Counter)
    answered: dict[str, int] = field(default_factory=Counter)
    failed: dict[str, int] = field(default_factory=Counter)
    unfinished: int = 0

    def place_given_up(self) -> None:
        """Censor the requests of given-up arrivals whose steps are unknown: each name by its share, rounded up."""
        for schedule, given_up in self.unplaced.items():
            requested = self.requested.get(schedule, {})
            for name, count in requested.items():
                censored = math.ceil(given_up * count / sum(requested.values()))
                self.requests[name].response.censored += censored
        self.unplaced = Counter()


class Share(Struct, frozen=True):
    """Everything that one process measured of its part."""

    counts: Counts
    timing: dict[str, Reservoir]
    journals: dict[str, Journal]
    cpu_percent: list[float]
    users_max: int
    realtime: bool
    health: Vitals

    def encode(self) -> bytes:
        """The share as a message."""
        return msgspec.msgpack.encode(self, enc_hook=_from_histogram)

    @staticmethod
    def decode(message: bytes) -> Share:
        """A share from its message."""
        return msgspec.msgpack.decode(message, type=Share, dec_hook=_to_histogram)


def total(parts: Iterable[Part]) -> Part:
    """The sum of equal structures: numbers, lists and histograms are added, sets united, dicts and fields matched."""
    return reduce(_plus, parts)


def _plus(one: Any, other: Any) -> Any:
    if isinstance(one, Histogram):
        one.add(other)
        return one
    if isinstance(one, dict):
        both = {name: _plus(one[name], other[name]) for name in one.keys() & other.keys()}
        return {**one, **other, **both}
    if isinstance(one, set):
        return one | other
    if isinstance(one, Counts | RequestCounts | Second | Journal):
        return type(one)(*(_plus(getattr(one, name), getattr(other, name)) for name in one.__annotations__))
    return one + other


def _from_histogram(histogram: Any) -> tuple[str, int]:
    return histogram.encode(), histogram.censored


def _to_histogram(_: type, message: Any) -> Histogram:
    return decode(*message)
