"""Decides of each budget whether a record met it, broke it, or cannot tell: pure."""

from __future__ import annotations

import math
from dataclasses import replace

from likestorm import attribution
from likestorm.results import histogram
from likestorm.results.record import Record
from likestorm.results.record.traffic import Requests
from likestorm.results.record.verdict import Aborted, BudgetResult, BudgetStatus, Side
from likestorm.scenario import (
    Budgets,
    ChainBudget,
    ErrorBudget,
    PercentileBudget,
    PromqlBudget,
    RateBudget,
    SlopeBudget,
)
from likestorm.verdict import statistics, trend
from likestorm.verdict.statistics import Interval

SHARE = "percentunit"


def judge_budgets(record: Record, budgets: Budgets) -> list[BudgetResult]:
    """The result of every budget of a scenario."""
    results = [
        *(_rate(record, budget) for budget in budgets.rates),
        *(_percentile(record, budget) for budget in budgets.percentiles),
        *(_errors(record, budget) for budget in budgets.errors),
        *(_chain(record, budget) for budget in budgets.chain_effects),
        *(_promql(record, budget) for budget in budgets.promql),
        *(_slope(record, budget) for budget in budgets.slopes),
    ]
    requests = {budget.name: budget.request for budget in budgets.percentiles}
    ended = (_as_ended(result, record.aborted) for result in results)
    return [attribution.explained(result, record, requests.get(result.name)) for result in ended]


def _as_ended(result: BudgetResult, aborted: Aborted | None) -> BudgetResult:
    """A budget that ended the run is broken, whatever its whole, shortened window says."""
    if aborted is None or aborted.budget != result.name:
        return result
    return replace(result, status="broken", reason=f"it ended the run: {aborted.reason}")


def _rate(record: Record, budget: RateBudget) -> BudgetResult:
    arrivals = record.arrivals.get(budget.arrivals)
    limit = budget.at_least * (1 - budget.tolerance)
    if arrivals is None or not arrivals.load.offered:
        return _absent(budget.name, limit, "/s", budget.arrivals)
    completed = arrivals.load.completed
    seen = statistics.of_rate(completed, record.scenario.duration_s)
    return _result(budget.name, limit, "/s", seen, completed, _reaches(seen, limit))


def _percentile(record: Record, budget: PercentileBudget) -> BudgetResult:
    limit = budget.seconds * 1e3
    requests = record.requests.get(budget.request)
    if requests is None:
        return _absent(budget.name, limit, "ms", budget.request)
    sample = histogram.decode(requests.histogram, requests.censored)
    seen = statistics.of_percentile(sample, budget.percentile)
    if seen.observed is None:
        return _absent(budget.name, limit, "ms", budget.request)
    needed = statistics.samples_needed(budget.percentile)
    short = f"{sample.total} samples; p{budget.percentile:g} has an upper bound from {needed}"
    return _result(
        budget.name, limit, "ms", seen, sample.total, _within(seen, limit), short if sample.total < needed else ""
    )


def _errors(record: Record, budget: ErrorBudget) -> BudgetResult:
    chosen = [r for name, r in record.requests.items() if budget.request in (None, name)]
    trials = sum(_asked(r) for r in chosen)
    if not trials:
        return _absent(budget.name, budget.error_ratio, "ratio", budget.request or "any")
    failed = sum(_asked(r) - (r.count - r.failures) for r in chosen)
    seen = statistics.of_ratio(failed, trials)
    return _result(budget.name, budget.error_ratio, "ratio", seen, trials, _within(seen, budget.error_ratio))


def _chain(record: Record, budget: ChainBudget) -> BudgetResult:
    """The share of a chain's effects that came in time; the budget's bound must be one of the histogram's."""
    limit = budget.percentile / 100
    effects = next((chain for chain in record.chains if chain.name == budget.chain), None)
    in_time = dict(effects.buckets) if effects else {}
    if effects is None or not effects.count or budget.seconds not in in_time:
        return _absent(budget.name, limit, SHARE, budget.chain)
    seen = statistics.of_ratio(in_time[budget.seconds], effects.count)
    return _result(budget.name, limit, SHARE, seen, effects.count, _reaches(seen, limit))


def _promql(record: Record, budget: PromqlBudget) -> BudgetResult:
    """By the interval of its tenths, or by its one value, which is a count and no sample."""
    side: Side = "at most" if budget.at_least is None else "at least"
    limit = budget.at_most if budget.at_least is None else budget.at_least
    given = next((value for value in record.promql if value.budget == budget.name), None)
    if limit is None or given is None or not given.values:
        reason = f"nothing was measured: {given.problem if given else 'Prometheus was not asked'}"
        return BudgetResult(budget.name, side, limit or 0.0, budget.unit, None, None, None, 0, "inconclusive", reason)
    seen = statistics.of_mean(given.values)
    status = _reaches(seen, limit) if side == "at least" else _within(seen, limit)
    return _result(budget.name, limit, budget.unit, seen, len(given.values), status, side=side)


def _slope(record: Record, budget: SlopeBudget) -> BudgetResult:
    """By the interval of the slope over the window; of several series there is none."""
    unit, limit = f"{budget.unit}/h", budget.per_hour_at_most
    arrivals = record.arrivals.get(budget.arrivals or "")
    if arrivals:
        values = arrivals.timeline.p50_ms if budget.percentile == 50 else arrivals.timeline.p99_ms
        lines = [([float(second) for second in range(len(values))], values)]
    else:
        lines = [(s.times, s.values) for data in record.drifts if data.panel == budget.name for s in data.series]
    if len(lines) != 1:
        return _absent(budget.name, limit, unit, budget.promql or str(budget.arrivals))
    [(times, values)] = lines
    seen = trend.slope_per_hour(times, values, record.scenario.duration_s)
    return _result(budget.name, limit, unit, seen, len(values), _within(seen, limit))


def _asked(requests: Requests) -> int:
    """Requests that ended, and those that were dropped or unfinished (timeouts are in both counts)."""
    return requests.count + requests.censored - requests.timeouts


def _reaches(seen: Interval, limit: float) -> BudgetStatus:
    """Whether a value stays at or above its limit, as far as its interval can tell."""
    if seen.low is not None and seen.low >= limit:
        return "met"
    if seen.high is not None and seen.high < limit:
        return "broken"
    return "inconclusive"


def _within(seen: Interval, limit: float) -> BudgetStatus:
    """Whether a value stays at or below its limit, as far as its interval can tell."""
    if seen.high is not None and seen.high <= limit:
        return "met"
    if seen.low is not None and seen.low > limit:
        return "broken"
    return "inconclusive"


def _result(
    name: str,
    limit: float,
    unit: str,
    seen: Interval,
    samples: int,
    status: BudgetStatus,
    reason: str = "",
    side: Side | None = None,
) -> BudgetResult:
    if status != "inconclusive":
        reason = ""
    elif not reason:
        reason = "the interval holds the limit: a longer run would tell"
    if math.inf in (seen.observed, seen.low):
        reason = "so many arrivals never completed that the percentile lies among them"
    observed, low, high = (None if v == math.inf else v for v in (seen.observed, seen.low, seen.high))
    return BudgetResult(name, side or _side(unit), limit, unit, observed, low, high, samples, status, reason)


def _absent(name: str, limit: float, unit: str, what: str) -> BudgetResult:
    reason = f"nothing was measured of {what!r}"
    return BudgetResult(name, _side(unit), limit, unit, None, None, None, 0, "inconclusive", reason)


def _side(unit: str) -> Side:
    """Rates, and shares of effects in time, are the budgets that say how much there must be."""
    return "at least" if unit in ("/s", SHARE) else "at most"
