"""Where the time of requests went: frozen data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Composition:
    """Where the time of some samples went, mean ms: the sum of `tiers_ms` is `total_ms`, the response time."""

    samples: int
    total_ms: float
    tiers_ms: dict[str, float]


@dataclass(frozen=True)
class TimeSplit:
    """Where the time of one request went, by the Server-Timing headers of the target.

    seen: answers with the header. kept: the answers that this split is computed from. median: samples from p45 to p55.
    slowest: the slowest 1 %. slow: all samples that are closer to the slowest 1 % than to the median.
    """

    seen: int
    kept: int
    median: Composition
    slowest: Composition
    slow: Composition


@dataclass(frozen=True)
class TierWait:
    """Waiting and work in a tier, which the application cannot tell apart, as `source` reports them.

    wait_s: seconds that operations waited in the tier `behind`, summed over the window. work_s: the remaining seconds.
    """

    tier: str
    behind: str
    source: str
    wait_s: float
    work_s: float
