from random import Random

import pytest
from likestorm.capacity import scalability
from likestorm.capacity.scalability import throughput
from likestorm.results.record.verdict import Estimate

RATE, CONTENTION, COHERENCY = 180.0, 0.06, 0.0009
CONCURRENCIES = (0.3, 0.6, 1, 1.5, 2.2, 3, 4, 6, 9, 14, 20, 30)


def _points(noise: float, seed: int, coherency: float = COHERENCY) -> list[tuple[float, float]]:
    random = Random(seed)
    return [(n, throughput(n, RATE, CONTENTION, coherency) * random.gauss(1, noise)) for n in CONCURRENCIES]


def _holds(estimate: Estimate, value: float) -> bool:
    assert estimate.low is not None
    return estimate.low <= value <= (float("inf") if estimate.high is None else estimate.high)


def test_points_without_noise_give_the_law_itself() -> None:
    law = scalability.fit(_points(noise=0, seed=1))
    assert law is not None
    assert law.rate.value == pytest.approx(RATE)
    assert law.contention.value == pytest.approx(CONTENTION)
    assert law.coherency.value == pytest.approx(COHERENCY)
    best = max(throughput(n, RATE, CONTENTION, COHERENCY) for n in range(1, 200))
    assert law.peak.value == pytest.approx(best, rel=1e-3)


def test_with_noise_the_intervals_hold_what_the_points_were_made_of_in_nine_of_ten_cases() -> None:
    """95 % is what they say; a bootstrap of twelve points falls a little short of it."""
    found = [scalability.fit(_points(noise=0.04, seed=seed)) for seed in range(20)]
    for name, value in (("rate", RATE), ("contention", CONTENTION), ("coherency", COHERENCY)):
        estimates = [getattr(law, name) for law in found if law]
        assert sum(_holds(each, value) for each in estimates) >= 18, name
        assert all(each.value == pytest.approx(value, rel=1.1) for each in estimates), name


def test_less_noise_gives_a_narrower_interval() -> None:
    wide, narrow = (scalability.fit(_points(noise, seed=3)) for noise in (0.08, 0.01))
    assert wide is not None
    assert narrow is not None
    widths = [law.rate.high - law.rate.low for law in (wide, narrow) if law.rate.high and law.rate.low]
    assert widths[0] > 3 * widths[1]


def test_a_system_without_coherency_cost_has_no_bound_that_it_does_not_have() -> None:
    law = scalability.fit(_points(noise=0.02, seed=5, coherency=0.0))
    assert law is not None
    assert law.coherency.low == pytest.approx(0, abs=1e-9)
    assert _holds(law.peak, RATE / CONTENTION)


def test_too_few_points_give_no_law() -> None:
    assert scalability.fit([(n, throughput(n, RATE, CONTENTION, COHERENCY)) for n in (1, 2, 3, 4)]) is None
    assert scalability.fit([(2.0, 300.0)] * 20) is None
