"""The judge as a table: what is in the record, and what must be decided of it."""

from dataclasses import replace

import msgspec
import pytest
from likestorm.results import histogram
from likestorm.results.histogram import Histogram
from likestorm.results.record import Record
from likestorm.results.record.target import ChainEffects, LedgerEntry, PanelData, Series
from likestorm.results.record.traffic import Load
from likestorm.results.record.verdict import BudgetResult, Status, Verdict
from likestorm.scenario import Scenario, SlopeBudget
from likestorm.scenario.reading import load
from likestorm.verdict.judge import judge

from alerts.slo import OBJECTIVES
from service import catalog
from tests.likestorm import records


def _judge(record: Record, scenario: Scenario | None = None) -> Verdict:
    return judge(record, scenario or load("likes"))


def _budget(verdict: Verdict, name: str) -> BudgetResult:
    [found] = [b for b in verdict.budgets if b.name == name]
    return found


def _with_likes(sample: Histogram, failures: int = 0) -> Record:
    record = records.passing()
    likes = replace(
        record.requests["like"],
        count=sample.completed + failures,
        failures=failures,
        timeouts=0,
        censored=sample.censored,
        histogram=sample.encode(),
    )
    offered = sample.total + failures
    ended = Load(offered, sample.completed, failures, sample.censored, 0)
    arrivals = record.arrivals | {"like": replace(record.arrivals["like"], scheduled=offered, load=ended)}
    return replace(
        record,
        requests=record.requests | {"like": likes},
        arrivals=arrivals,
        load=Load(*(sum(getattr(a.load, field) for a in arrivals.values()) for field in Load.__annotations__)),
    )


def _without_confirm(record: Record) -> Record:
    """As if uploads ended with the PUT."""
    upload = replace(record.arrivals["upload"], steps=["upload-ask", "upload-put"])
    requests = {name: r for name, r in record.requests.items() if name != "upload-confirm"}
    return replace(record, requests=requests, arrivals=record.arrivals | {"upload": upload})


@pytest.mark.parametrize(
    ("record", "status", "exit_code"),
    [
        (records.passing, "pass", 0),
        (records.breach, "breach", 99),
        (records.invalid, "invalid", 98),
        (records.inconclusive, "inconclusive", 97),
    ],
)
def test_each_kind_of_run_gets_its_status(record: object, status: Status, exit_code: int) -> None:
    verdict = _judge(record())  # type: ignore[operator]
    assert (verdict.status, verdict.exit_code) == (status, exit_code)


@pytest.mark.parametrize(
    ("milliseconds", "status"),
    [
        ([10.0] * 5400, "met"),
        ([10.0] * 5300 + [80.0] * 100, "broken"),
        # 54 of 5,400 is exactly one percent: the interval holds the limit.
        ([10.0] * 5346 + [80.0] * 54, "inconclusive"),
    ],
)
def test_a_percentile_is_met_or_broken_only_if_its_interval_says_so(milliseconds: list[float], status: str) -> None:
    verdict = _judge(_with_likes(histogram.of(ms / 1e3 for ms in milliseconds)))
    assert _budget(verdict, "like p99").status == status


def test_too_few_samples_are_inconclusive_and_the_reason_says_how_many_it_takes() -> None:
    result = _budget(_judge(_with_likes(histogram.of([0.01] * 300))), "like p99")
    assert result.status == "inconclusive"
    assert result.high is None
    assert "300 samples" in result.reason
    assert "368" in result.reason


def test_few_samples_that_are_all_too_slow_are_a_breach_all_the_same() -> None:
    assert _budget(_judge(_with_likes(histogram.of([0.2] * 300))), "like p99").status == "broken"


def test_arrivals_that_never_completed_break_the_budget() -> None:
    sample = histogram.of([0.01] * (records.passing().arrivals["like"].scheduled - 400))
    sample.censored = 400
    verdict = _judge(_with_likes(sample))
    result = _budget(verdict, "like p99")
    assert (result.status, result.observed, result.low) == ("broken", None, None)
    assert "never completed" in result.reason
    assert _budget(verdict, "like errors").status == "broken"
    assert verdict.status == "breach"
    assert "like p99" in verdict.reason


def test_a_request_that_was_never_seen_is_not_a_pass() -> None:
    verdict = _judge(_without_confirm(records.passing()))
    assert _budget(verdict, "upload-confirm p99").status == "inconclusive"
    assert _budget(verdict, "upload-confirm errors").status == "inconclusive"
    assert (verdict.status, verdict.exit_code) == ("inconclusive", 97)


def test_an_empty_record_is_not_a_pass() -> None:
    record = replace(
        records.passing(),
        requests={},
        arrivals={},
        load=Load(0, 0, 0, 0, 0),
        scrapes=[],
        ledger=[],
        panels=[],
        chains=[],
        reconciliation=None,
    )
    verdict = _judge(record)
    assert verdict.status == "invalid"
    assert {b.status for b in verdict.budgets} == {"inconclusive"}


def test_errors_count_failures_and_what_was_never_answered() -> None:
    sample = histogram.of([0.01] * 5000)
    verdict = _judge(_with_likes(sample, failures=100))
    result = _budget(verdict, "like errors")
    assert result.samples == 5100
    assert result.observed == pytest.approx(100 / 5100)
    assert result.status == "broken"


def test_a_rate_is_met_only_if_its_interval_clears_the_limit() -> None:
    record = records.passing()
    like = record.arrivals["like"]

    def completed(count: int) -> str:
        load = replace(like.load, completed=count)
        return _budget(
            _judge(replace(record, arrivals=record.arrivals | {"like": replace(like, load=load)})), "likes_per_second"
        ).status

    assert completed(5400) == "met"
    assert completed(4900) == "inconclusive"
    assert completed(4500) == "broken"


def test_invalid_outranks_a_breach_and_a_breach_outranks_inconclusive() -> None:
    breach = records.breach()
    lag = replace(breach.generator.dispatch_lag_ms, p99=20.5)
    late = replace(breach, generator=replace(breach.generator, dispatch_lag_ms=lag))
    assert _judge(late).status == "invalid"
    assert _judge(_without_confirm(breach)).status == "breach"


def test_a_run_that_acknowledged_nothing_is_not_a_pass() -> None:
    verdict = _judge(replace(records.passing(), ledger=[LedgerEntry("likes", 0, 0, 0, 0, 0, 0, 0)]))
    assert verdict.status == "inconclusive"
    assert "ledger" in verdict.reason


@pytest.mark.parametrize(
    ("in_time", "all_effects", "status"),
    [
        (1499, 1500, "met"),
        (1400, 1500, "broken"),
        # Just what is promised: the interval holds the limit.
        (1485, 1500, "inconclusive"),
        (20, 20, "inconclusive"),
        (0, 0, "inconclusive"),
    ],
)
def test_a_chain_is_judged_by_the_share_of_effects_that_came_in_time(
    in_time: int, all_effects: int, status: str
) -> None:
    effects = ChainEffects("upload-to-thumbnail", [(5.0, in_time), (10.0, in_time), (None, all_effects)])
    scenario = load("likes")
    budgets = msgspec.structs.replace(scenario.budgets, chains=["upload-to-thumbnail"])
    scenario = msgspec.structs.replace(scenario, budgets=budgets)
    result = _budget(_judge(replace(records.passing(), chains=[effects]), scenario), "upload-to-thumbnail within 10 s")
    assert result.status == status
    assert result.observed == (in_time / all_effects if all_effects else None)
    assert result.side == "at least"


def test_each_chain_s_objective_is_a_bound_of_its_histogram() -> None:
    for objective in OBJECTIVES.chains.values():
        assert objective.seconds in catalog.CHAIN_BUCKETS
        assert objective.chain in catalog.CHAINS


@pytest.mark.parametrize(
    ("growth", "status"), [(0.0, "met"), (60.0, "broken"), (10.0, "inconclusive")]
)  # fmt: skip
def test_a_slope_is_judged_by_its_interval(growth: float, status: str) -> None:
    times = [float(second) for second in range(60)]
    memory = PanelData(
        "app memory", "query", [Series({}, times, [50 + growth * t / 3600 + (-1) ** t / 50 for t in range(60)])]
    )
    budget = SlopeBudget("app memory", per_hour_at_most=10, promql="query", unit="MB")
    likes = load("likes")
    scenario = msgspec.structs.replace(likes, budgets=msgspec.structs.replace(likes.budgets, slopes=[budget]))
    found = _budget(_judge(replace(records.passing(), trends=[memory]), scenario), "app memory")
    assert (found.status, found.unit, found.limit) == (status, "MB/h", 10)
    assert found.observed == pytest.approx(growth, abs=1.5)


def test_the_slope_of_latency_is_that_of_its_seconds_and_what_was_not_seen_is_no_pass() -> None:
    likes = load("likes")
    slopes = [
        SlopeBudget("likes slower", per_hour_at_most=5000, arrivals="like"),
        SlopeBudget("unseen", per_hour_at_most=5, promql="query"),
    ]
    scenario = msgspec.structs.replace(likes, budgets=msgspec.structs.replace(likes.budgets, slopes=slopes))
    verdict = _judge(records.passing(), scenario)
    assert _budget(verdict, "likes slower").status == "met"
    assert (_budget(verdict, "unseen").status, verdict.status) == ("inconclusive", "inconclusive")
