"""What pairs of measurements can say of a change: Wilcoxon's signed-rank test, its interval, and its power.

Everything rests on the Walsh averages of the n differences (each with each and with itself). Their median is the
Hodges-Lehmann estimate. At a true change c, as many of them are at most c as the signed-rank statistic has, whose
distribution is known exactly: so the k-th smallest and the k-th largest bound an interval, and their number above a
limit gives the p-value. Nothing is assumed of the differences but that they lie symmetrically around the change; one
wild pair moves the estimate little.
"""

from __future__ import annotations

import math
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
    """The Hodges-Lehmann estimate of a change and its 95 % interval; infinite where the sample bears no bound.

    spread: the standard deviation of the differences, None where it is not finite.
    """

    estimate: float
    low: float
    high: float
    spread: float | None


def of_pairs(differences: Sequence[float]) -> Shift:
    """The change of the second over the first of each pair; differences may be infinite, at least one is needed."""
    averages: list[float] = walsh(differences).tolist()
    rank = critical_rank(len(differences), TAIL)
    low, high = (averages[rank - 1], averages[-rank]) if rank else (-math.inf, math.inf)
    return Shift(_median(averages), low, high, _spread(differences))


def p_above(differences: Sequence[float], limit: float) -> float:
    """One-sided p-value against 'the change is at most this limit'."""
    n = len(differences)
    at_most = int((walsh(differences) <= limit).sum())
    patterns: int = 2**n
    return sum(_counts(n)[: at_most + 1]) / patterns


def walsh(differences: Sequence[float]) -> numpy.ndarray:
    """The averages of each difference with each and with itself, ascending; of opposite infinities it is 0."""
    import numpy

    values = numpy.asarray(differences, dtype=float)
    one, other = numpy.triu_indices(len(values))
    with numpy.errstate(invalid="ignore"):
        averages = (values[one] + values[other]) / 2
    return numpy.sort(numpy.nan_to_num(averages, nan=0.0, posinf=math.inf, neginf=-math.inf))


def critical_rank(pairs: int, tail: float) -> int:
    """Which smallest (and largest) Walsh average bounds an interval that misses with at most `tail` on each side.

    0 where so few pairs bear no such bound.
    """
    rank, below = 0, 0
    for count in _counts(pairs):
        below += count
        if below > tail * 2**pairs:
            break
        rank += 1
    return rank


def holm(p_values: Sequence[float]) -> list[float]:
    """The same p-values, adjusted so that all of them together keep the level of one."""
    adjusted = [1.0] * len(p_values)
    largest = 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=lambda each: p_values[each])):
        largest = max(largest, min(1.0, p_values[index] * (len(p_values) - place)))
        adjusted[index] = largest
    return adjusted


def detectable(pairs: int, spread: float, limit: float, power: float, tests: int = 1) -> float:
    """The smallest true change that is shown to be above the limit with this power; infinite where none can be.

    spread: standard deviation of the differences. tests: how many are made at once; the worst case of Holm's procedure
    is counted, in which the level is shared by all. Simulated with normal differences.
    """
    rank = critical_rank(pairs, TAIL / tests)
    if not rank:
        return math.inf
    lows = _lower_bounds(pairs, rank)
    return limit - spread * float(lows[math.floor((1 - power) * len(lows))])


def pairs_needed(spread: float, limit: float, change: float, power: float, tests: int = 1) -> int | None:
    """The fewest pairs that show this change to be above the limit with this power; None beyond PAIRS_MAX."""
    fewest = range(1, PAIRS_MAX + 1)
    return next((n for n in fewest if detectable(n, spread, limit, power, tests) <= change), None)


@cache
def _counts(pairs: int) -> list[int]:
    """In how many of the 2^n patterns of signs the signed-rank statistic is 0, 1, 2, …"""
    counts = [1]
    for rank in range(1, pairs + 1):
        longer = counts + [0] * rank
        for value, count in enumerate(counts):
            longer[value + rank] += count
        counts = longer
    return counts


@cache
def _lower_bounds(pairs: int, rank: int) -> numpy.ndarray:
    """The lower bound in DRAWS samples of standard normal differences, ascending."""
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
    n = len(differences)
    if n < 2 or not all(map(math.isfinite, differences)):
        return None
    mean = math.fsum(differences) / n
    return math.sqrt(math.fsum((each - mean) ** 2 for each in differences) / (n - 1))
