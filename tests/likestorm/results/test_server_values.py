"""Budgets on what Prometheus says: what is asked for, what an answer bears, and what is decided of it."""

from dataclasses import dataclass, field, replace

import msgspec
import pytest
from likestorm.results import server_values
from likestorm.results.prometheus import Prometheus, PrometheusError, Sampled
from likestorm.results.record.target import PromqlValue
from likestorm.results.record.verdict import BudgetResult
from likestorm.scenario import PromqlBudget
from likestorm.scenario.reading import load
from likestorm.verdict import statistics
from likestorm.verdict.judge import judge

from tests.likestorm import records


@dataclass(frozen=True)
class Answering(Prometheus):
    """Gives the same series at every time, and remembers what was asked when."""

    values: list[float] = field(default_factory=list)
    asked: list[tuple[str, float]] = field(default_factory=list)

    def range(self, promql: str, start: float, end: float, step: float = 1.0) -> list[Sampled]:
        self.asked.append((promql, start))
        if "(" in promql and ")" not in promql:
            raise PrometheusError("parse error: unclosed left parenthesis")
        return [Sampled({}, [(start, value)]) for value in self.values]


def test_a_query_over_the_window_is_asked_once_at_its_end() -> None:
    source = Answering("", [3.0])
    budget = PromqlBudget("hits", "rate(hits_total[$window])", at_least=2)
    assert server_values.evaluate(source, budget, 100.0, 160.0).values == [3.0]
    assert source.asked == [("rate(hits_total[60000ms])", 160.0)]


def test_a_query_over_tenths_is_asked_for_each() -> None:
    source = Answering("", [3.0])
    budget = PromqlBudget("hits", "rate(hits_total[$tenth])", at_least=2)
    assert server_values.evaluate(source, budget, 100.0, 160.0).values == [3.0] * 10
    assert source.asked == [("rate(hits_total[6000ms])", 106.0 + 6 * number) for number in range(10)]


@pytest.mark.parametrize(
    ("values", "promql", "problem"),
    [
        ([], "absent", "gives nothing"),
        ([1.0, 2.0], "several", "2 series and must give one"),
        ([float("nan")], "0 / 0", "no number"),
        ([1.0], "sum(", "unclosed"),
    ],
)
def test_what_is_not_one_number_is_absent_and_says_why(values: list[float], promql: str, problem: str) -> None:
    budget = PromqlBudget("hits", promql, at_least=2)
    value = server_values.evaluate(Answering("", values), budget, 100.0, 160.0)
    assert value.values == []
    assert problem in value.problem


def test_the_mean_of_tenths_has_student_s_interval() -> None:
    """Mean 10 and standard deviation 1.0541 of ten values: 2.262 × 1.0541 / √10 = 0.754."""
    seen = statistics.of_mean([9.0, 11.0] * 5)
    assert seen.observed == 10.0
    assert seen.low == pytest.approx(9.246, abs=0.001)
    assert seen.high == pytest.approx(10.754, abs=0.001)


def _judged(budget: PromqlBudget, value: PromqlValue | None) -> BudgetResult:
    scenario = load("likes")
    budgets = msgspec.structs.replace(scenario.budgets, promql=[budget])
    record = replace(records.passing(), promql=[value] if value else [])
    scenario = msgspec.structs.replace(scenario, budgets=budgets)
    [result] = [b for b in judge(record, scenario).budgets if b.name == budget.name]
    return result


@pytest.mark.parametrize(
    ("limits", "values", "status"),
    [
        ({"at_most": 3}, [3.0], "met"),
        ({"at_most": 3}, [3.1], "broken"),
        ({"at_least": 3}, [3.0], "met"),
        ({"at_least": 3}, [2.9], "broken"),
        ({"at_most": 10.8}, [9.0, 11.0] * 5, "met"),
        ({"at_most": 10.5}, [9.0, 11.0] * 5, "inconclusive"),
        ({"at_most": 9.2}, [9.0, 11.0] * 5, "broken"),
        ({"at_most": 3}, [], "inconclusive"),
    ],
)
def test_it_is_met_or_broken_only_if_its_interval_says_so(
    limits: dict[str, float], values: list[float], status: str
) -> None:
    budget = PromqlBudget("hits", "hits", unit="suffix:/s", **limits)
    result = _judged(budget, PromqlValue("hits", "hits", values, "" if values else "the query gives nothing"))
    assert result.status == status
    assert result.side == ("at most" if "at_most" in limits else "at least")
    assert result.samples == len(values)
    assert ("gives nothing" in result.reason) == (not values)


def test_a_value_that_nobody_asked_for_is_not_a_pass() -> None:
    assert _judged(PromqlBudget("hits", "hits", at_most=3), None).status == "inconclusive"
