"""The search on machines that are made up: what it tries, and what it makes of what it saw."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from likestorm.capacity import search as capacity
from likestorm.capacity.scalability import throughput
from likestorm.report import page, summary, tables
from likestorm.results.record.verdict import CapacityStep, Status
from likestorm.scenario import CapacityPlan
from likestorm.scenario.reading import load

from tests.likestorm import records

PLAN = CapacityPlan("like", factor=1.25, steps_max=12, repeats=3)


def _machine(status: Callable[[float], Status]) -> capacity.Measure:
    """One that completes what is offered, so many under way as the law says."""
    counts: dict[float, int] = {}

    def measure(rate: float) -> CapacityStep:
        counts[rate] = counts.get(rate, 0) + 1
        concurrency = next(n / 100 for n in range(1, 100_000) if throughput(n / 100, 180, 0.06, 0.0009) >= rate)
        return CapacityStep(rate, counts[rate], status(rate), rate, rate, concurrency, 20.0, "")

    return measure


def _until(limit: float) -> Callable[[float], Status]:
    return lambda rate: "pass" if rate <= limit else "breach"


def test_it_climbs_until_a_rate_fails_twice_and_repeats_around_the_break_in_turns() -> None:
    steps = capacity.climb(PLAN, 100, _machine(_until(210)))
    assert [step.rate for step in steps] == [100, 125, 156, 195, 244, 244, 195, 218, 244, 195, 218, 218]
    found = capacity.find(PLAN, steps)
    assert (found.holds, found.fails) == (195, 218)


def test_one_bad_run_does_not_end_the_climb_and_most_runs_decide() -> None:
    bad: set[tuple[float, int]] = {(100, 1), (156, 1), (156, 2), (125, 2), (140, 3)}
    good = _machine(_until(1e9))

    def measure(rate: float) -> CapacityStep:
        step = good(rate)
        return replace(step, status="breach") if (rate, step.run) in bad else step

    steps = capacity.climb(PLAN, 100, measure)
    assert [(step.rate, step.run) for step in steps] == [
        (100, 1), (100, 2), (125, 1), (156, 1), (156, 2), (125, 2), (140, 1), (156, 3), (125, 3), (140, 2), (140, 3),
    ]  # fmt: skip
    found = capacity.find(PLAN, [step for step in steps if step.rate > 100])
    assert (found.holds, found.fails) == (140, 156)


@pytest.mark.parametrize("status", ["breach", "invalid", "inconclusive"])
def test_what_does_not_pass_does_not_hold(status: Status) -> None:
    steps = capacity.climb(PLAN, 100, _machine(lambda rate: status))
    assert [step.rate for step in steps] == [100, 100, 100]
    found = capacity.find(PLAN, steps)
    assert (found.holds, found.fails, found.law) == (None, 100, None)
    assert tables.say_capacity(found)[0] == "No rate of like held: the lowest, 100 /s, did not."


def test_a_machine_that_nothing_breaks_ends_the_search_after_its_steps() -> None:
    steps = capacity.climb(CapacityPlan("like", factor=1.1, steps_max=6), 100, _machine(_until(1e9)))
    assert [step.rate for step in steps] == [100, 110, 121, 133, 146, 161]
    assert capacity.find(PLAN, steps).fails is None


def test_a_rate_above_one_that_fails_does_not_hold_however_lucky_it_was() -> None:
    luck: dict[float, Status] = {100: "pass", 125: "breach", 156: "pass"}
    steps = [CapacityStep(rate, 1, status, rate, rate, 1.0, 20.0, "") for rate, status in luck.items()]
    assert capacity.find(PLAN, steps).holds == 100


def test_steps_that_left_work_undone_are_no_points_of_the_law() -> None:
    steps = capacity.climb(PLAN, 100, _machine(_until(260)))
    found = capacity.find(PLAN, steps)
    assert found.law is not None
    assert found.law.rate.value == pytest.approx(180, rel=0.02)
    overrun = [replace(steps[-1], throughput=0.6 * steps[-1].offered, concurrency=900.0) for _ in range(5)]
    assert capacity.find(PLAN, [*steps, *overrun]).law == found.law


def test_a_step_s_concurrency_follows_from_little_s_law() -> None:
    record = records.passing()
    assert record.verdict is not None
    step = capacity.step_of(record.arrivals["like"], record.verdict, 90, 1, record.scenario.duration_s)
    assert step.status == "pass"
    assert step.throughput == pytest.approx(90, rel=0.05)
    assert step.concurrency == pytest.approx(step.throughput * 4.65e-3, rel=0.05)


def test_the_searched_schedule_and_its_budgets_get_the_rate_and_no_others() -> None:
    scenario = load("likes")
    faster = capacity.at_rate(scenario, PLAN, 180)
    assert {name: plan.rate for name, plan in faster.arrivals.items()} == {"like": 180, "upload": 25, "signup": 1}
    assert {each.name: each.at_least for each in faster.budgets.rates} == {
        "likes_per_second": 180, "photos_per_second": 25,
    }  # fmt: skip


def test_the_report_tells_of_the_search_and_its_law() -> None:
    random = Random(1)
    steps = [
        replace(step, throughput=step.throughput * random.gauss(1, 0.004))
        for step in capacity.climb(PLAN, 100, _machine(_until(260)))
    ]
    record = replace(records.passing(), capacity=capacity.find(PLAN, steps))
    assert record.verdict is not None
    html, text = page.render(record, record.verdict), summary.render(record, record.verdict)
    for told in (html, text):
        assert "The highest rate of like that holds is 244 /s" in told
        assert "Of 273 /s most did not" in told
        assert "λ = 1" in told
        assert "95 % intervals" in told
    assert html.count("<h2>Capacity</h2>") == 1
    assert "<h2>Capacity</h2>" not in page.render(records.passing(), record.verdict)
