"""When a run ends early: not for a hiccup, not for what is over, not by chance, and then as a breach."""

from dataclasses import replace
from random import Random

import msgspec
import pytest
from likestorm.generator.abort_rule import AbortRule, BudgetCounter, EarlyEnd, limits, lower_bound
from likestorm.results.record.verdict import Aborted
from likestorm.scenario import Budgets, ErrorBudget, PercentileBudget, Scenario
from likestorm.scenario.reading import load
from likestorm.verdict.judge import judge

from tests.likestorm import records

BUDGETS = Budgets(
    percentiles=[PercentileBudget("like p99", "like", 99, 0.05, abort=True), PercentileBudget("p50", "like", 50, 0.01)],
    errors=[ErrorBudget("errors", 0.01, abort=True)],
    abort_long_s=10,
    abort_short_s=3,
)


def _feed(bad_by_second: list[int], total: int = 90) -> list[int]:
    """The seconds, from 1, after which the run is to end."""
    rule = AbortRule(BUDGETS)
    return [k for k, bad in enumerate(bad_by_second, 1) if rule.add({"like p99": (bad, total)})]


def test_only_budgets_that_ask_for_it_end_a_run() -> None:
    assert [limit.budget for limit in limits(BUDGETS)] == ["like p99", "errors"]
    assert limits(load("likes").budgets) == []


def test_both_windows_must_be_broken_and_the_long_one_full() -> None:
    assert _feed([9] * 12)[0] == 10
    assert _feed([0] * 20 + [90] * 6) == [26]
    assert _feed([0] * 20 + [90] * 5 + [0] * 10) == []
    assert _feed([90] * 7 + [0] * 10) == []


def test_a_budget_that_is_just_kept_does_not_end_a_run_by_chance() -> None:
    chance = Random(7)
    seconds = [sum(chance.random() < 0.01 for _ in range(90)) for _ in range(3600)]
    assert _feed(seconds) == []


def test_few_requests_do_not_end_a_run() -> None:
    rule = AbortRule(BUDGETS)
    assert [rule.add({"like p99": (1, 3)}) for _ in range(3)] == [None] * 3
    assert all(rule.add({}) is None for _ in range(20))


def test_wilson_s_bound_at_four_standard_errors() -> None:
    assert lower_bound(0, 0) == 0.0
    assert lower_bound(0, 100) == 0.0
    assert lower_bound(50, 100) == pytest.approx(0.3143, abs=1e-4)


def test_a_percentile_counts_what_is_slow_or_never_answered_and_errors_what_failed() -> None:
    counter = BudgetCounter(limits(BUDGETS))
    counter.count("like", 0.01, failed=False, censored=False)
    counter.count("like", 0.06, failed=False, censored=False)
    counter.count("like", 0.01, failed=True, censored=False)
    counter.count("like", 10.0, failed=True, censored=True)
    counter.count("other", 9.0, failed=False, censored=False)
    assert counter.take() == {"like p99": (2, 3), "errors": (2, 5)}
    assert counter.take() == {}


def _scenario() -> Scenario:
    return msgspec.structs.replace(load("likes"), budgets=BUDGETS, warm_up_s=5.0, duration_s=60.0)


def test_the_end_is_a_whole_second_of_the_window_that_lies_ahead() -> None:
    ending = EarlyEnd(_scenario())
    ends = [ending.add({"like p99": (30, 90)}, 5.1 + second) for second in range(1, 13)]
    assert ends[:9] == [None] * 9
    assert ends[9:] == [17.0, None, None]
    assert ending.end_s == 17.0
    assert ending.aborted is not None
    assert ending.aborted.budget == "like p99"
    assert "33.33 % of the last 10 s and 33.33 % of the last 3 s took over 0.05 s, 1 % may" in ending.aborted.reason
    assert ending.aborted.reason.endswith("ended after 12 of 60 s")


def test_a_run_that_is_about_to_end_anyway_is_not_ended() -> None:
    ending = EarlyEnd(msgspec.structs.replace(_scenario(), duration_s=11.0))
    assert [ending.add({"like p99": (30, 90)}, 5.1 + second) for second in range(1, 12)] == [None] * 11
    assert ending.aborted is None


def test_the_budget_that_ended_a_run_is_broken_whatever_the_shortened_window_says() -> None:
    aborted = Aborted("like p99", "33 % took over 0.05 s; ended after 12 of 60 s", 60.0)
    record = replace(records.passing(), aborted=aborted)
    verdict = judge(record, load("likes"))
    assert (verdict.status, verdict.exit_code) == ("breach", 99)
    assert [b.name for b in verdict.budgets if b.status == "broken"] == ["like p99"]
    assert "ended after 12 of 60 s" in verdict.reason
