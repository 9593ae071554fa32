"""95 % intervals of percentiles, ratios, rates and means from finite samples.

scipy is imported inside the functions: it takes half a second and 60 MB, which a run needs only at its end.
"""

import math
from dataclasses import dataclass

from likestorm.results.histogram import Histogram

CONFIDENCE = 0.95
TAIL = (1 - CONFIDENCE) / 2


@dataclass(frozen=True)
class Interval:
    """An estimate and its bounds; None: the sample is too small. Infinite: the value lies among censored samples."""

    observed: float | None
    low: float | None
    high: float | None


def of_percentile(histogram: Histogram, percentile: float) -> Interval:
    """A percentile (0-100) in ms with its distribution-free interval from binomial order statistics.

    A bound beyond the order statistics of the sample is None: below 368 samples p99 has no upper bound.
    """
    from scipy.stats import binom

    n, q = histogram.total, percentile / 100
    if n == 0:
        return Interval(None, None, None)
    low, high = int(binom.ppf(TAIL, n, q)), int(binom.ppf(1 - TAIL, n, q)) + 1
    observed = histogram.at_rank(max(1, math.ceil(q * n - 1e-9)))
    return Interval(observed, histogram.at_rank(low), histogram.at_rank(high))


def samples_needed(percentile: float) -> int:
    """The smallest sample size with an upper bound for a percentile."""
    return math.ceil(math.log(TAIL) / math.log(percentile / 100))


def of_ratio(events: int, trials: int) -> Interval:
    """A ratio with its exact interval (Clopper-Pearson)."""
    if trials == 0:
        return Interval(None, None, None)
    from scipy.stats import binomtest

    bounds = binomtest(events, trials).proportion_ci(CONFIDENCE, method="exact")
    return Interval(events / trials, float(bounds.low), float(bounds.high))


def of_rate(events: int, seconds: float) -> Interval:
    """Events a second with the exact interval of a Poisson count (Garwood)."""
    from scipy.stats import chi2

    low = chi2.ppf(TAIL, 2 * events) / 2 if events else 0.0
    high = chi2.ppf(1 - TAIL, 2 * events + 2) / 2
    return Interval(events / seconds, float(low) / seconds, float(high) / seconds)


def of_log_ratio(base: Interval, other: Interval) -> Interval:
    """The logarithm of other/base from the intervals of both, which are independent (the MOVER method).

    None wherever one of the parts that it takes is None, infinite or 0.
    """
    at, below, above = map(_log, (base.observed, base.low, base.high))
    other_at, other_below, other_above = map(_log, (other.observed, other.low, other.high))
    if at is None or other_at is None:
        return Interval(None, None, None)
    shift = other_at - at
    low = None if other_below is None or above is None else shift - math.hypot(other_at - other_below, above - at)
    high = None if other_above is None or below is None else shift + math.hypot(other_above - other_at, at - below)
    return Interval(shift, low, high)


def _log(value: float | None) -> float | None:
    return None if value is None or value <= 0 or math.isinf(value) else math.log(value)


def of_mean(values: list[float]) -> Interval:
    """The mean of values with Student's interval; a single value is a count and has no uncertainty."""
    if not values:
        return Interval(None, None, None)
    mean = sum(values) / len(values)
    if len(values) == 1:
        return Interval(mean, mean, mean)
    from scipy.stats import t

    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
    half = float(t.ppf(1 - TAIL, len(values) - 1)) * deviation / math.sqrt(len(values))
    return Interval(mean, mean - half, mean + half)
