import itertools
import statistics

import pytest
from likestorm.scenario import schedule
from likestorm.scenario.schedule import Course, Shape, Stretch
from likestorm.scenario.workload import ArrivalPlan
from scipy import stats


def _poisson(rate: float, end: float = 5.0) -> Course:
    return Course([Stretch(0.0, end, rate, rate)])


def _plan(shape: Shape, **keys: float | list[float]) -> ArrivalPlan:
    return ArrivalPlan(schedule=shape, steps=["like"], **keys)  # type: ignore[arg-type]


def test_a_seed_gives_the_same_arrivals_again() -> None:
    courses = {"like": _poisson(90), "upload": _poisson(25)}
    first = list(schedule.arrivals(courses, seed=7))
    assert first == list(schedule.arrivals(courses, seed=7))
    assert first != list(schedule.arrivals(courses, seed=8))
    assert [a.due for a in first] == sorted(a.due for a in first)


def test_schedules_do_not_depend_on_each_other() -> None:
    alone = list(schedule.arrivals({"like": _poisson(90)}, seed=7))
    both = schedule.arrivals({"like": _poisson(90), "upload": _poisson(25)}, seed=7)
    assert [a for a in both if a.name == "like"] == alone


def test_poisson_gaps_are_exponential_with_the_right_rate() -> None:
    dues = list(itertools.islice(schedule.due_times("like", _poisson(90, 1000), seed=3), 20_000))
    gaps = [later - earlier for earlier, later in itertools.pairwise(dues)]
    assert statistics.mean(gaps) == pytest.approx(1 / 90, rel=0.03)
    assert statistics.stdev(gaps) == pytest.approx(1 / 90, rel=0.03)


def test_constant_arrivals_do_not_drift() -> None:
    course = _plan("constant", rate=3.0).course(10, 991)
    dues = list(schedule.due_times("like", course, seed=1))
    assert dues[3000] == pytest.approx(1000)
    assert len(dues) == 3003


def test_numbers_count_up_within_a_schedule_and_end_before_the_end() -> None:
    found = list(schedule.arrivals({"like": _plan("constant", rate=10.0).course(0.5, 1.5)}, seed=1))
    assert [a.number for a in found] == list(range(20))
    assert found[-1].due == pytest.approx(1.9)


def _expected(course: Course, at: float) -> float:
    return sum(stretch.within(0, at).expected for stretch in course.stretches)


@pytest.mark.parametrize(
    "plan",
    [
        _plan("poisson", rate=40.0),
        _plan("ramp", from_rate=5.0, rate=75.0),
        _plan("ramp", from_rate=75.0, rate=5.0),
        _plan("steps", rates=[10.0, 20.0, 90.0]),
        _plan("burst", rate=20.0, burst_rate=180.0, every_s=10.0, burst_s=2.0),
    ],
    ids=lambda plan: plan.schedule,
)
def test_the_integral_of_the_rate_turns_the_arrivals_into_a_unit_poisson_process(plan: ArrivalPlan) -> None:
    """The time-rescaling theorem: only of the right process are the gaps on that scale exponential with mean 1."""
    course = plan.course(20, 100)
    units = [_expected(course, due) for due in schedule.due_times("like", course, seed=11)]
    gaps = [later - earlier for earlier, later in itertools.pairwise(units)]
    assert len(gaps) > 3000
    assert stats.kstest(gaps, "expon").pvalue > 0.01
    assert abs(stats.pearsonr(gaps[:-1], gaps[1:]).statistic) < 0.05


@pytest.mark.parametrize(
    ("plan", "mean", "counts"),
    [
        (_plan("constant", rate=40.0), 40, [400, 400, 400]),
        (_plan("ramp", from_rate=10.0, rate=70.0), 40, [200, 400, 600]),
        (_plan("steps", rates=[10.0, 30.0, 80.0]), 40, [100, 300, 800]),
        (_plan("burst", rate=20.0, burst_rate=70.0, every_s=5.0, burst_s=2.0), 40, [400, 400, 400]),
    ],
    ids=lambda value: getattr(value, "schedule", ""),
)
def test_the_rate_goes_as_the_scenario_says(plan: ArrivalPlan, mean: float, counts: list[int]) -> None:
    """30 s after 10 s of warm-up, in thirds; a count is within four standard deviations of what is expected."""
    course = plan.course(10, 30)
    assert course.mean(10, 40) == pytest.approx(mean)
    dues = list(schedule.due_times("like", course, seed=5))
    for third, expected in enumerate(counts):
        start = 10 + third * 10
        assert _expected(course, start + 10) - _expected(course, start) == pytest.approx(expected)
        assert sum(start <= due < start + 10 for due in dues) == pytest.approx(expected, abs=4 * expected**0.5)


def test_bursts_lie_in_the_middle_of_their_periods_and_none_in_the_warm_up() -> None:
    course = _plan("burst", rate=1.0, burst_rate=9.0, every_s=10.0, burst_s=2.0).course(15, 20)
    assert [(s.start, s.end) for s in course.stretches if s.first > 1] == [(19, 21), (29, 31)]
    assert course.stretches[0].start == 0
    assert course.stretches[-1].end == 35


def test_a_factor_scales_the_mean_of_every_shape() -> None:
    for plan in (
        _plan("poisson", rate=40.0),
        _plan("ramp", from_rate=5.0, rate=75.0),
        _plan("steps", rates=[10.0, 20.0, 90.0]),
        _plan("burst", rate=20.0, burst_rate=180.0, every_s=10.0, burst_s=2.0),
    ):
        whole, half = (each.course(10, 40).mean(10, 50) for each in (plan, plan.scaled(0.5)))
        assert half == pytest.approx(whole / 2)


def test_the_choices_of_an_arrival_are_its_own() -> None:
    assert schedule.choices("like", 5, seed=1).random() == schedule.choices("like", 5, seed=1).random()
    assert schedule.choices("like", 5, seed=1).random() != schedule.choices("like", 6, seed=1).random()
    assert schedule.choices("like", 5, seed=1).random() != schedule.choices("like", 5, seed=1, salt="x").random()
