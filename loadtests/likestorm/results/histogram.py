"""Latency histograms that include arrivals which never completed."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate

from hdrh.histogram import HdrHistogram

from likestorm.results.record.traffic import Percentiles

LOWEST_US = 1
HIGHEST_US = 600_000_000
DIGITS = 3

CURVE = (0, 10, 25, 50, 75, 80, 85, 90, 92.5, 95, 97, 98, 99, 99.5, 99.8, 99.9, 99.95, 99.99)


class Histogram:
    """An HDR histogram of durations: recorded in seconds, stored in µs with three digits, read in ms.

    `censored` samples (dropped, unfinished, timed out) have no known duration and take the top ranks. A percentile
    among them is None, never a value that is too small.
    """

    def __init__(self, hdr: HdrHistogram | None = None, censored: int = 0) -> None:
        self.hdr = hdr or HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
        self.censored = censored
        self._counted_at = 0
        self._counts = array("q")

    def record(self, seconds: float) -> None:
        """Add one duration; a duration beyond the range counts as the nearest end of the range."""
        self.hdr.record_value(min(max(round(seconds * 1e6), LOWEST_US), HIGHEST_US))

    def add(self, other: Histogram) -> None:
        """Add all samples of another histogram, including the censored ones."""
        self.hdr.add(other.hdr)
        self.censored += other.censored

    @property
    def completed(self) -> int:
        """The number of samples with a known duration."""
        return int(self.hdr.get_total_count())

    @property
    def total(self) -> int:
        """The number of all samples, censored ones included."""
        return self.completed + self.censored

    @property
    def max_ms(self) -> float | None:
        """The longest duration; None if there are censored samples, which may be longer."""
        return self.hdr.get_max_value() / 1e3 if self.completed and not self.censored else None

    def percentile(self, percentile: float) -> float | None:
        """The value in ms at a percentile (0-100), by nearest rank; None without samples or among censored ones."""
        value = self.at_rank(max(1, math.ceil(percentile / 100 * self.total - 1e-9)))
        return None if value == math.inf else value

    def percentiles(self) -> Percentiles:
        """The percentiles for a record."""
        p50, p90, p95, p99, p99_9 = (self.percentile(p) for p in (50, 90, 95, 99, 99.9))
        return Percentiles(p50, p90, p95, p99, p99_9, self.max_ms)

    def percentile_curve(self) -> list[tuple[float, float]]:
        """Pairs (percentile, ms), ascending, up to the highest percentile that the sample size supports."""
        reach = 100 * (1 - 1 / self.total) if self.total else 0
        values = ((p, self.percentile(p)) for p in CURVE if p <= reach)
        return [(p, ms) for p, ms in values if ms is not None]

    def at_rank(self, rank: int) -> float | None:
        """The value in ms of the rank-th smallest sample, from 1; infinite if censored, None beyond the sample."""
        if not 1 <= rank <= self.total:
            return None
        if rank > self.completed:
            return math.inf
        # HdrHistogram.get_value_at_percentile scans the buckets on every call; cumulative counts allow a bisection.
        value = self.hdr.get_value_from_index(bisect_left(self._counted(), rank))
        return float(self.hdr.get_highest_equivalent_value(value)) / 1e3

    def _counted(self) -> Sequence[int]:
        """The cumulative counts of the buckets."""
        if self._counted_at != self.completed:
            self._counted_at = self.completed
            self._counts = array("q", accumulate(self.hdr.counts[:]))
        return self._counts

    def encode(self) -> str:
        """Base64 of the compressed HDR V2 form, without the number of censored samples."""
        blob: bytes = self.hdr.encode()
        return blob.decode("ascii")


def decode(blob: str, censored: int = 0) -> Histogram:
    """A histogram from the output of `encode`."""
    return Histogram(HdrHistogram.decode(blob), censored)


def nearest_rank(ascending: Sequence[float], percentile: float) -> float | None:
    """The value at a percentile (0-100) of sorted values; None without values."""
    if not ascending:
        return None
    return ascending[max(1, math.ceil(percentile / 100 * len(ascending) - 1e-9)) - 1]


def of(durations: Iterable[float]) -> Histogram:
    """A histogram of durations in seconds."""
    histogram = Histogram()
    for seconds in durations:
        histogram.record(seconds)
    return histogram
