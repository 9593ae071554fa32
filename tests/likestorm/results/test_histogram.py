import math
from random import Random

import pytest
from hdrh.histogram import HdrHistogram
from likestorm.results import histogram
from likestorm.verdict import statistics


def _of_ms(*values: float) -> histogram.Histogram:
    return histogram.of(value / 1e3 for value in values)


def test_percentiles_are_those_of_the_nearest_rank() -> None:
    sample = _of_ms(*range(1, 101))
    assert sample.percentile(50) == pytest.approx(50, rel=1e-3)
    assert sample.percentile(99) == pytest.approx(99, rel=1e-3)
    assert sample.max_ms == pytest.approx(100, rel=1e-3)


def test_values_that_two_digits_would_merge_stay_apart() -> None:
    assert _of_ms(145.1).percentile(50) == pytest.approx(145.1, rel=1e-3)
    assert _of_ms(154.9).percentile(50) == pytest.approx(154.9, rel=1e-3)
    assert _of_ms(0.449).percentile(50) == pytest.approx(0.449, rel=1e-2)


def test_censored_samples_take_the_top_ranks() -> None:
    sample = _of_ms(*range(1, 100))
    sample.censored = 1
    assert sample.percentile(99) == pytest.approx(99, rel=1e-3)
    assert sample.percentile(99.9) is None
    assert sample.max_ms is None
    sample.censored = 99
    assert sample.percentile(50) == pytest.approx(99, rel=1e-3)
    assert sample.percentile(51) is None


def test_an_empty_histogram_has_no_percentile() -> None:
    assert histogram.Histogram().percentile(50) is None
    assert histogram.Histogram().percentiles().p99 is None
    assert histogram.Histogram().percentile_curve() == []


def test_what_is_encoded_can_be_decoded() -> None:
    sample = _of_ms(1, 2, 3, 400)
    again = histogram.decode(sample.encode(), censored=2)
    assert again.completed == 4
    assert again.total == 6
    assert again.percentile(25) == sample.percentile(50) == pytest.approx(2, rel=1e-3)


def test_what_is_recorded_is_what_the_library_itself_would_record() -> None:
    ours, theirs = histogram.Histogram(), HdrHistogram(histogram.LOWEST_US, histogram.HIGHEST_US, histogram.DIGITS)
    random = Random(1)
    edges = [2**power + step for power in range(1, 30) for step in (-1, 0, 1)]
    for value in (1, *edges, 600_000_000, *(round(10 ** random.uniform(0, 8.7)) for _ in range(10_000))):
        ours.record(value / 1e6)
        theirs.record_value(value)
    assert ours.hdr.encode() == theirs.encode()
    assert (ours.hdr.get_min_value(), ours.hdr.get_max_value()) == (theirs.get_min_value(), theirs.get_max_value())
    assert ours.completed == theirs.get_total_count()


def test_what_is_read_is_what_the_library_itself_would_read() -> None:
    random = Random(2011)
    sample = histogram.Histogram()
    for size in (1, 7, 500):
        for _ in range(size):
            sample.record(random.lognormvariate(-4, 2))
        for read in (sample, histogram.decode(sample.encode())):
            ranks = range(1, read.completed + 1)
            assert [read.at_rank(rank) for rank in ranks] == [
                read.hdr.get_value_at_percentile(100 * rank / read.completed) / 1e3 for rank in ranks
            ]


def test_what_is_beyond_the_range_counts_as_its_nearest_end() -> None:
    sample = histogram.of([-0.001, 0.0, 1e-7, 3600.0])
    assert sample.completed == 4
    assert sample.percentile(75) == pytest.approx(0.001)
    assert sample.max_ms == pytest.approx(600_000, rel=1e-3)


def test_adding_keeps_every_sample() -> None:
    sample, other = _of_ms(1, 2), _of_ms(3)
    other.censored = 1
    sample.add(other)
    assert (sample.completed, sample.censored) == (3, 1)


def test_the_curve_ends_where_the_sample_does() -> None:
    assert [p for p, _ in _of_ms(*range(1, 101)).percentile_curve()][-1] == 99


def test_p99_has_no_upper_bound_below_368_samples() -> None:
    assert statistics.samples_needed(99) == 368
    assert statistics.of_percentile(_of_ms(*range(1, 368)), 99).high is None
    assert statistics.of_percentile(_of_ms(*range(1, 369)), 99).high == pytest.approx(368, rel=1e-3)


def test_the_interval_of_a_percentile_covers_it_as_often_as_it_says() -> None:
    """Of 5,400 samples the bounds are the order statistics whose binomial tails are 2.5 % each."""
    seen = statistics.of_percentile(_of_ms(*range(1, 5401)), 99)
    assert seen.observed == pytest.approx(5346, rel=1e-3)
    assert seen.low == pytest.approx(5331, rel=1e-3)
    assert seen.high == pytest.approx(5361, rel=1e-3)


def test_the_interval_is_infinite_where_arrivals_never_completed() -> None:
    sample = _of_ms(*range(1, 901))
    sample.censored = 100
    seen = statistics.of_percentile(sample, 99)
    assert seen.low == seen.high == math.inf


def test_the_interval_of_a_ratio_is_exact() -> None:
    seen = statistics.of_ratio(0, 1500)
    assert (seen.observed, seen.low) == (0, 0)
    assert seen.high == pytest.approx(1 - 0.025 ** (1 / 1500))
    assert statistics.of_ratio(2, 50).high == pytest.approx(0.1371, abs=1e-4)
    assert statistics.of_ratio(0, 0).observed is None


def test_the_interval_of_a_rate_is_exact() -> None:
    seen = statistics.of_rate(0, 10)
    assert (seen.observed, seen.low) == (0, 0)
    assert seen.high == pytest.approx(0.36889, abs=1e-4)
    seen = statistics.of_rate(100, 1)
    assert seen.low == pytest.approx(81.36, abs=0.01)
    assert seen.high == pytest.approx(121.63, abs=0.01)
