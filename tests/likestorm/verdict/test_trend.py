from random import Random

import pytest
from likestorm.verdict.trend import slope_per_hour

SECONDS = 1800.0


def _values(per_hour: float, noise: float, seed: int, spike: float = 0.0) -> tuple[list[float], list[float | None]]:
    random = Random(seed)
    times = [float(second) for second in range(0, int(SECONDS), 2)]
    values: list[float | None] = [100 + per_hour * t / 3600 + random.gauss(0, noise) for t in times]
    for index in range(0, len(values), 50):
        values[index] = 100 + spike
    return times, values


@pytest.mark.parametrize("seed", range(5))
def test_a_slope_is_found_beneath_noise_and_spikes(seed: int) -> None:
    times, values = _values(per_hour=20, noise=3, seed=seed, spike=5000)
    seen = slope_per_hour(times, values, SECONDS)
    assert seen.observed == pytest.approx(20, abs=4)
    assert seen.low is not None
    assert seen.high is not None
    assert 0 < seen.low < 20 < seen.high < 40


def test_the_interval_of_what_does_not_drift_holds_nought_in_nineteen_of_twenty_cases() -> None:
    held = 0
    for seed in range(200):
        seen = slope_per_hour(*_values(per_hour=0, noise=10, seed=seed), SECONDS)
        assert seen.low is not None
        assert seen.high is not None
        held += seen.low <= 0 <= seen.high
    assert 180 <= held <= 200


def test_a_gap_is_left_out_and_too_little_says_nothing() -> None:
    times, values = _values(per_hour=20, noise=0, seed=1, spike=0)
    holey = [None if 600 < time < 1200 else value for time, value in zip(times, values, strict=True)]
    assert slope_per_hour(times, holey, SECONDS).observed == pytest.approx(20, abs=2)
    late = [value if time > 1400 else None for time, value in zip(times, values, strict=True)]
    assert slope_per_hour(times, late, SECONDS).observed is None
    assert slope_per_hour([], [], SECONDS).observed is None


def test_some_seconds_of_standing_still_are_no_proof() -> None:
    times = [float(second) for second in range(59)]
    assert slope_per_hour(times, [7.0] * 59, 59).high is None
    assert slope_per_hour([*times, 59.0], [7.0] * 60, 60).high == 0
