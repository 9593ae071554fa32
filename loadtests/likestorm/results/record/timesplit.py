"""What a record holds of where the time of requests went: frozen data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Composition:
    """Where the time of some samples went, ms on average: `tiers_ms` add up to `total_ms`, the response time."""

    samples: int
    total_ms: float
    tiers_ms: dict[str, float]


@dataclass(frozen=True)
class TimeSplit:
    """Where the time of one request went, by what the target told in its Server-Timing headers.

    seen: answers that had the header, kept: those of them that this is of. median: the samples from p45 to p55,
    slowest: the slowest 1 %, slow: all that are nearer to these than to the median.
    """

    seen: int
    kept: int
    median: Composition
    slowest: Composition
    slow: Composition


@dataclass(frozen=True)
class TierWait:
    """How a tier's time splits, which the application cannot tell apart, by the account of `source`.

    wait_s: seconds in the window, summed over all operations, that were spent waiting in the tier `behind`; work_s: the
    rest of them.
    """

    tier: str
    behind: str
    source: str
    wait_s: float
    work_s: float
