"""Counts of requests and of arrivals that can be taken from one process to another and added up there."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from likestorm.results.histogram import Histogram, decode, nearest_rank
from likestorm.results.record.traffic import Requests


@dataclass
class RequestTally:
    """What became of the window's requests of one name."""

    response: Histogram = field(default_factory=Histogram)
    service: Histogram = field(default_factory=Histogram)
    failed: Histogram = field(default_factory=Histogram)
    count: int = 0
    timeouts: int = 0
    errors: Counter[str] = field(default_factory=Counter)

    def dump(self) -> dict[str, Any]:
        """What `add` takes, as plain data."""
        histograms = {name: getattr(self, name).encode() for name in HISTOGRAMS}
        counts = {"count": self.count, "timeouts": self.timeouts, "censored": self.response.censored}
        return histograms | counts | {"errors": dict(self.errors)}

    def add(self, dumped: dict[str, Any]) -> None:
        """Add what another process dumped."""
        for name in HISTOGRAMS:
            getattr(self, name).add(decode(dumped[name]))
        self.response.censored += dumped["censored"]
        self.count += dumped["count"]
        self.timeouts += dumped["timeouts"]
        self.errors.update(dumped["errors"])

    def summary(self) -> Requests:
        """What a record keeps of it."""
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
            errors=dict(self.errors.most_common()),
        )


HISTOGRAMS = ("response", "service", "failed")


@dataclass
class Second:
    """The arrivals of one schedule that were due in one second."""

    offered: int = 0
    failed: int = 0
    timed_out: int = 0
    dropped: int = 0
    unfinished: int = 0
    responses: array[float] = field(default_factory=lambda: array("d"))

    @property
    def completed(self) -> int:
        """Arrivals of which every step was answered."""
        return len(self.responses)

    def percentiles_ms(self, *percentiles: float) -> list[float | None]:
        """Of the completed arrivals' response times, None where there are none."""
        ascending = sorted(self.responses)
        values = (nearest_rank(ascending, percentile) for percentile in percentiles)
        return [None if value is None else round(value * 1e3, 3) for value in values]

    def dump(self) -> list[Any]:
        """What `add` takes, as plain data."""
        return [*(getattr(self, name) for name in COUNTS), self.responses.tobytes()]

    def add(self, dumped: list[Any]) -> None:
        """Add what another process dumped."""
        *counts, responses = dumped
        for name, count in zip(COUNTS, counts, strict=True):
            setattr(self, name, getattr(self, name) + count)
        self.responses.frombytes(responses)


COUNTS = ("offered", "failed", "timed_out", "dropped", "unfinished")
