"""Statistics of paired measurements: Wilcoxon's signed-rank test, its interval and its power.

All of them use the Walsh averages of the n differences (each difference with each one and with itself). Their median is
the Hodges-Lehmann estimate. At the true change c, the number of averages up to c is the signed-rank statistic, whose
distribution is known exactly. So the k-th smallest and k-th largest averages bound an interval, and the number of
averages up to a limit gives the p-value. The only assumption is that differences are symmetric around the change; one
outlier moves the estimate little.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from likestorm.verdict.statistics import TAIL

if TYPE_CHECKING:
    import numpy

PAIRS_MAX = 64
DRAWS = 2000
SEED = 2011


@dataclass(frozen=True)
class Shift:
    """The Hodges-Lehmann estimate of a change and its 95 % interval; infinite without a bound.

    spread: the standard deviation of the differences, None if it is not finite.
    """

    estimate: float
    low: float
    high: float
    spread: float | None


def of_pairs(differences: Sequence[float]) -> Shift:
    """The change within pairs, from at least one difference; differences may be infinite."""
    averages: list[float] = walsh(differences).tolist()
    rank = critical_rank(len(differences), TAIL)
    low, high = (averages[rank - 1], averages[-rank]) if rank else (-math.inf, math.inf)
    return Shift(_median(averages), low, high, _spread(differences))


def p_above(differences: Sequence[float], limit: float) -> float:
    """The one-sided p-value against "the change is at most this limit"."""
    n = len(differences)
    at_most = int((walsh(differences) <= limit).sum())
    patterns: int = 2**n
    return sum(_counts(n)[: at_most + 1]) / patterns


def walsh(differences: Sequence[float]) -> numpy.ndarray:
    """The averages of each difference with each one and itself, ascending; opposite infinities average to 0."""
    import numpy

    values = numpy.asarray(differences, dtype=float)
    one, other = numpy.triu_indices(len(values))
    with numpy.errstate(invalid="ignore"):
        averages = (values[one] + values[other]) / 2
    return numpy.sort(numpy.nan_to_num(averages, nan=0.0, posinf=math.inf, neginf=-math.inf))


def critical_rank(pairs: int, tail: float) -> int:
    """The rank of the Walsh averages, from both ends, that bound an interval with at most `tail` on each side.

    0 if there are too few pairs.
    """
    rank, below = 0, 0
    for count in _counts(pairs):
        below += count
        if below > tail * 2**pairs:
            break
        rank += 1
    return rank


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted by Holm's procedure, which keeps the level of one test for all of them together."""
    adjusted = [1.0] * len(p_values)
    largest = 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=lambda each: p_values[each])):
        largest = max(largest, min(1.0, p_values[index] * (len(p_values) - place)))
        adjusted[index] = largest
    return adjusted


def detectable(pairs: int, spread: float, limit: float, power: float, tests: int = 1) -> float:
    """The smallest true change that is shown to exceed the limit with this power; infinite if none can be.

    spread: standard deviation of the differences. tests: number of simultaneous tests, for the worst case of Holm's
    procedure, in which they share the level. Simulated with normal differences.
    """
    rank = critical_rank(pairs, TAIL / tests)
    if not rank:
        return math.inf
    lows = _lower_bounds(pairs, rank)
    return limit - spread * float(lows[math.floor((1 - power) * len(lows))])


def pairs_needed(spread: float, limit: float, change: float, power: float, tests: int = 1) -> int | None:
    """The fewest pairs that show a change to exceed the limit with this power; None beyond PAIRS_MAX."""
    fewest = range(1, PAIRS_MAX + 1)
    return next((n for n in fewest if detectable(n, spread, limit, power, tests) <= change), None)


@cache
def _counts(pairs: int) -> list[int]:
    """The number of the 2^n sign patterns with a signed-rank statistic of 0, 1, 2, …"""
    counts = [1]
    for rank in range(1, pairs + 1):
        longer = counts + [0] * rank
        for value, count in enumerate(counts):
            longer[value + rank] += count
        counts = longer
    return counts


@cache
def _lower_bounds(pairs: int, rank: int) -> numpy.ndarray:
    """The lower bounds from DRAWS samples of standard normal differences, ascending."""
    import numpy

    drawn = numpy.random.default_rng(SEED).standard_normal((DRAWS, pairs))
    one, other = numpy.triu_indices(pairs)
    bounds = [numpy.partition((sample[one] + sample[other]) / 2, rank - 1)[rank - 1] for sample in drawn]
    return numpy.sort(numpy.array(bounds))


def _median(ascending: Sequence[float]) -> float:
    middle = len(ascending) // 2
    one, other = ascending[middle], ascending[~middle]
    return one if one == other else (one + other) / 2


def _spread(differences: Sequence[float]) -> float | None:
    if len(differences) < 2 or not all(map(math.isfinite, differences)):
        return None
    return statistics.stdev(differences)
