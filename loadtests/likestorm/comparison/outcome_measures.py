"""The outcome measures of a comparison, from saved records: percentiles and failures of each block."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from likestorm.results.comparison import Kind, name
from likestorm.results.histogram import Histogram, decode
from likestorm.results.record import Record

PERCENTILES = (50.0, 95.0, 99.0)
PAIRS_LEAST = 6


@dataclass(frozen=True)
class OutcomeMeasure:
    """A value of every block, in pairs: a percentile of response times in ms, or a share of arrivals.

    Infinite: the percentile lies among arrivals that never completed. NaN: there is no measurement.
    """

    what: str
    kind: Kind
    percentile: float | None
    base: list[float]
    candidate: list[float]

    @property
    def name(self) -> str:
        """The name in reports, such as `like p50`."""
        return name(self.what, self.percentile)

    @property
    def differences(self) -> list[float]:
        """Candidate against base for each pair: the difference of failures, the logarithm of the ratio of times."""
        pairs = zip(self.base, self.candidate, strict=True)
        if self.kind == "failures":
            return [candidate - base for base, candidate in pairs]
        return [math.log(candidate) - math.log(base) for base, candidate in pairs]


@dataclass(frozen=True)
class Samples:
    """All response times of one request or kind of arrival, for each run of both sides."""

    what: str
    kind: Kind
    base: list[Histogram]
    candidate: list[Histogram]

    def supports(self, percentile: float) -> bool:
        """Whether at least one sample of each run lies beyond the percentile."""
        fewest = min(sample.total for sample in self.base + self.candidate)
        return fewest * (1 - percentile / 100) > 0.999

    def measure(self, percentile: float) -> OutcomeMeasure:
        """One percentile as an outcome measure."""
        is_supported = self.supports(percentile)
        sides = [
            [_at(sample, percentile) if is_supported else math.nan for sample in side]
            for side in (self.base, self.candidate)
        ]
        return OutcomeMeasure(self.what, self.kind, percentile, *sides)


def pair_up(base: Sequence[Record], candidate: Sequence[Record]) -> list[tuple[Record, Record]]:
    """Neighbours in time as (base, candidate); none for runs that are not interleaved, or too few for a test."""
    if len(base) != len(candidate) or len(base) < PAIRS_LEAST:
        return []
    in_time = sorted([(0, record) for record in base] + [(1, record) for record in candidate], key=_started)
    pairs = [dict(in_time[k : k + 2]) for k in range(0, len(in_time), 2)]
    return [(pair[0], pair[1]) for pair in pairs] if all(len(pair) == 2 for pair in pairs) else []


def failures(base: Sequence[Record], candidate: Sequence[Record]) -> OutcomeMeasure:
    """The share of arrivals that failed, were dropped or got no answer."""
    return OutcomeMeasure("arrivals", "failures", None, [*map(_failed, base)], [*map(_failed, candidate)])


def samples(base: Sequence[Record], candidate: Sequence[Record], wanted: Sequence[str]) -> Iterator[Samples]:
    """The samples of each request, also of wanted requests that no run made, and of each arrival with several steps."""
    records = [*base, *candidate]
    for what in dict.fromkeys([*(what for record in records for what in record.requests), *wanted]):
        yield Samples(what, "request", *([_of_request(each, what) for each in side] for side in (base, candidate)))
    for what, arrivals in records[0].arrivals.items():
        if len(arrivals.steps) > 1:
            yield Samples(what, "arrival", *([_of_arrival(each, what) for each in side] for side in (base, candidate)))


def pool(sample: Sequence[Histogram]) -> Histogram:
    """One histogram of all samples."""
    whole = Histogram()
    for each in sample:
        whole.add(each)
    return whole


def _started(run: tuple[int, Record]) -> str:
    return run[1].started_at


def _failed(record: Record) -> float:
    return 1 - record.load.completed / record.load.offered if record.load.offered else math.nan


def _of_request(record: Record, what: str) -> Histogram:
    requests = record.requests.get(what)
    return decode(requests.histogram, requests.censored) if requests else Histogram()


def _of_arrival(record: Record, what: str) -> Histogram:
    arrivals = record.arrivals[what]
    # An arrival that did not complete may be the longest.
    return decode(arrivals.histogram, arrivals.load.offered - arrivals.load.completed)


def _at(sample: Histogram, percentile: float) -> float:
    value = sample.percentile(percentile)
    return value if value is not None else math.inf if sample.censored else math.nan
