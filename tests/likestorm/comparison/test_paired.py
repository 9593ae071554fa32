"""The signed-rank machinery against tables, against scipy, and against samples whose truth is known."""

import math
import random
from itertools import pairwise

import pytest
from likestorm.comparison import paired
from likestorm.verdict.statistics import TAIL
from scipy.stats import binom, wilcoxon

SAMPLES = 400


def _normal(chance: random.Random, pairs: int, shift: float = 0.0) -> list[float]:
    return [chance.gauss(shift, 1) for _ in range(pairs)]


# The published two-sided 5 % table of the statistic, which is one less than the rank of the bound.
@pytest.mark.parametrize(("pairs", "critical"), [(6, 0), (7, 2), (8, 3), (10, 8), (15, 25), (20, 52), (30, 137)])
def test_the_interval_ends_where_the_table_of_the_test_says(pairs: int, critical: int) -> None:
    assert paired.critical_rank(pairs, TAIL) == critical + 1


def test_five_pairs_bear_no_interval() -> None:
    shift = paired.of_pairs([1.0, 2.0, 3.0, 4.0, 5.0])
    assert (shift.estimate, shift.low, shift.high) == (3.0, -math.inf, math.inf)


def test_the_estimate_is_the_median_of_all_averages_of_two() -> None:
    shift = paired.of_pairs([0.0, 1.0, 5.0])  # averages: 0 0.5 1 2.5 3 5
    assert shift.estimate == 1.75
    assert shift.spread == pytest.approx(math.sqrt(7))


@pytest.mark.parametrize("pairs", [6, 8, 13])
@pytest.mark.parametrize("limit", [0.0, 0.4])
def test_p_is_that_of_scipy(pairs: int, limit: float) -> None:
    differences = _normal(random.Random(pairs), pairs, 0.5)
    expected = wilcoxon([each - limit for each in differences], alternative="greater", method="exact").pvalue
    assert paired.p_above(differences, limit) == pytest.approx(expected)


def test_p_and_the_interval_say_the_same() -> None:
    chance = random.Random(3)
    for _ in range(100):
        differences = _normal(chance, 9, 0.8)
        assert (paired.p_above(differences, 0.0) <= TAIL) == (paired.of_pairs(differences).low > 0)


def test_the_interval_misses_the_truth_as_seldom_as_it_says() -> None:
    chance = random.Random(2011)
    shifts = [paired.of_pairs(_normal(chance, 8, 0.3)) for _ in range(SAMPLES)]
    misses = sum(not shift.low <= 0.3 <= shift.high for shift in shifts)
    exact = 2 * 5 / 2**8  # of 256 patterns of signs five on each side
    assert binom.ppf(0.001, SAMPLES, exact) <= misses <= binom.ppf(0.999, SAMPLES, exact)


def test_one_wild_pair_does_not_carry_the_estimate_away() -> None:
    calm = [0.1, 0.11, 0.09, 0.1, 0.12, 0.08, 0.1]
    shift = paired.of_pairs([*calm, 9.0])
    assert shift.estimate == pytest.approx(0.1, abs=0.02)


def test_percentiles_that_never_completed_count_as_the_longest() -> None:
    shift = paired.of_pairs([math.inf, math.inf, 0.1, 0.2, 0.1, 0.2, 0.1, 0.2])
    assert 0.1 <= shift.low <= 0.2
    assert shift.high == math.inf
    assert shift.spread is None
    assert paired.p_above([math.inf] * 8, 0.0) == 1 / 2**8
    assert paired.of_pairs([math.inf, -math.inf] * 4).estimate == 0


def test_holm_by_hand() -> None:
    assert paired.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert paired.holm([0.6, 0.9]) == [1.0, 1.0]
    assert paired.holm([]) == []


@pytest.mark.parametrize("power", [0.80, 0.95])
def test_the_detectable_change_is_found_as_often_as_promised(power: float) -> None:
    change = paired.detectable(10, spread=1.0, limit=0.2, power=power)
    chance = random.Random(7)
    found = sum(paired.of_pairs(_normal(chance, 10, change)).low > 0.2 for _ in range(SAMPLES))
    assert abs(found / SAMPLES - power) < 0.05


def test_more_pairs_and_less_spread_see_more_and_many_tests_less() -> None:
    seen = [paired.detectable(pairs, 0.1, 0.0, 0.9) for pairs in (6, 10, 20, 40)]
    assert all(later < earlier for earlier, later in pairwise(seen))
    assert paired.detectable(10, 0.2, 0.0, 0.9) == pytest.approx(2 * paired.detectable(10, 0.1, 0.0, 0.9))
    assert paired.detectable(10, 0.1, 0.0, 0.9, tests=5) > paired.detectable(10, 0.1, 0.0, 0.9)
    assert paired.detectable(6, 0.1, 0.0, 0.9, tests=5) == math.inf


def test_the_pairs_needed_are_the_fewest_that_suffice() -> None:
    needed = paired.pairs_needed(spread=0.1, limit=0.05, change=0.18, power=0.9)
    assert needed is not None
    assert paired.detectable(needed, 0.1, 0.05, 0.9) <= 0.18 < paired.detectable(needed - 1, 0.1, 0.05, 0.9)
    assert paired.pairs_needed(spread=1.0, limit=0.05, change=0.06, power=0.9) is None
