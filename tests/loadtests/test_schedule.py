import itertools
import statistics

import pytest

from loadtests import schedule


def test_a_seed_gives_the_same_arrivals_again() -> None:
    rates: dict[str, tuple[float, schedule.Shape]] = {"like": (90.0, "poisson"), "upload": (25.0, "poisson")}
    first = list(schedule.arrivals(rates, seed=7, end=5))
    assert first == list(schedule.arrivals(rates, seed=7, end=5))
    assert first != list(schedule.arrivals(rates, seed=8, end=5))
    assert [a.due for a in first] == sorted(a.due for a in first)


def test_schedules_do_not_depend_on_each_other() -> None:
    alone = list(schedule.arrivals({"like": (90.0, "poisson")}, seed=7, end=5))
    both = schedule.arrivals({"like": (90.0, "poisson"), "upload": (25.0, "poisson")}, seed=7, end=5)
    assert [a for a in both if a.name == "like"] == alone


def test_poisson_gaps_are_exponential_with_the_right_rate() -> None:
    dues = list(itertools.islice(schedule.due_times("like", 90.0, "poisson", seed=3), 20_000))
    gaps = [later - earlier for earlier, later in itertools.pairwise(dues)]
    assert statistics.mean(gaps) == pytest.approx(1 / 90, rel=0.03)
    assert statistics.stdev(gaps) == pytest.approx(1 / 90, rel=0.03)


def test_constant_arrivals_do_not_drift() -> None:
    dues = itertools.islice(schedule.due_times("like", 3.0, "constant", seed=1), 3001)
    assert list(dues)[-1] == pytest.approx(1000)


def test_numbers_count_up_within_a_schedule_and_end_before_the_end() -> None:
    found = list(schedule.arrivals({"like": (10.0, "constant")}, seed=1, end=2.0))
    assert [a.number for a in found] == list(range(20))
    assert found[-1].due == pytest.approx(1.9)


def test_the_choices_of_an_arrival_are_its_own() -> None:
    assert schedule.choices("like", 5, seed=1).random() == schedule.choices("like", 5, seed=1).random()
    assert schedule.choices("like", 5, seed=1).random() != schedule.choices("like", 6, seed=1).random()
    assert schedule.choices("like", 5, seed=1).random() != schedule.choices("like", 5, seed=1, salt="x").random()
