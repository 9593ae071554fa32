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
class Pooler:
    """PgBouncer's own account of the window, seconds summed over all statements: waiting for a server, then on it."""

    wait_s: float
    query_s: float
