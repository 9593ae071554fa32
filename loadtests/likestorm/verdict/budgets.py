"""Judges every budget of a scenario against a record: met, broken or inconclusive; pure."""

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
    """A budget that ended the run is broken, whatever the whole shortened window says."""
    if aborted is None or aborted.budget != result.name:
        return result
    return replace(result, status="broken", reason=f"it ended the run: {aborted.reason}")


def _rate(record: Record, budget: RateBudget) -> BudgetResult:
    arrivals = record.arrivals.get(budget.arrivals)
    limit = budget.at_least * (1 - budget.tolerance)
    if arrivals is None or not arrivals.load.offered:
        return _absent(budget.name, "at least", limit, "/s", budget.arrivals)
    completed = arrivals.load.completed
    seen = statistics.of_rate(completed, record.scenario.duration_s)
    return _result(budget.name, "at least", limit, "/s", seen, completed)


def _percentile(record: Record, budget: PercentileBudget) -> BudgetResult:
    limit = budget.seconds * 1e3
    requests = record.requests.get(budget.request)
    sample = histogram.decode(requests.histogram, requests.censored) if requests else histogram.Histogram()
    seen = statistics.of_percentile(sample, budget.percentile)
    if seen.observed is None:
        return _absent(budget.name, "at most", limit, "ms", budget.request)
    needed = statistics.samples_needed(budget.percentile)
    short = f"{sample.total} samples; p{budget.percentile:g} has an upper bound from {needed}"
    return _result(budget.name, "at most", limit, "ms", seen, sample.total, short if sample.total < needed else "")


def _errors(record: Record, budget: ErrorBudget) -> BudgetResult:
    chosen = [r for name, r in record.requests.items() if budget.request in (None, name)]
    trials = sum(_all(r) for r in chosen)
    if not trials:
        return _absent(budget.name, "at most", budget.error_ratio, "ratio", budget.request or "any")
    failed = sum(_all(r) - (r.count - r.failures) for r in chosen)
    return _result(budget.name, "at most", budget.error_ratio, "ratio", statistics.of_ratio(failed, trials), trials)


def _all(requests: Requests) -> int:
    """All requests: those that ended, and those that were dropped or unfinished. Timeouts are in both counts."""
    return requests.count + requests.censored - requests.timeouts


def _chain(record: Record, budget: ChainBudget) -> BudgetResult:
    """By the share of effects in time; the budget's limit in seconds must be a bound of the chain's histogram."""
    limit = budget.percentile / 100
    effects = next((chain for chain in record.chains if chain.name == budget.chain), None)
    in_time = dict(effects.buckets) if effects else {}
    if effects is None or not effects.count or budget.seconds not in in_time:
        return _absent(budget.name, "at least", limit, SHARE, budget.chain)
    seen = statistics.of_ratio(in_time[budget.seconds], effects.count)
    return _result(budget.name, "at least", limit, SHARE, seen, effects.count)


def _promql(record: Record, budget: PromqlBudget) -> BudgetResult:
    """By the interval of the tenths, or by the single value, which is a count and no sample."""
    side: Side = "at most" if budget.at_least is None else "at least"
    limit = budget.at_most if budget.at_least is None else budget.at_least
    given = next((value for value in record.promql if value.budget == budget.name), None)
    if limit is None or given is None or not given.values:
        reason = f"nothing was measured: {given.problem if given else 'Prometheus was not queried'}"
        return BudgetResult(budget.name, side, limit or 0.0, budget.unit, None, None, None, 0, "inconclusive", reason)
    return _result(budget.name, side, limit, budget.unit, statistics.of_mean(given.values), len(given.values))


def _slope(record: Record, budget: SlopeBudget) -> BudgetResult:
    """By the interval of the slope over the window; the query must give exactly one series."""
    unit, limit = f"{budget.unit}/h", budget.per_hour_at_most
    arrivals = record.arrivals.get(budget.arrivals or "")
    if arrivals:
        values = arrivals.timeline.p50_ms if budget.percentile == 50 else arrivals.timeline.p99_ms
        lines = [([float(second) for second in range(len(values))], values)]
    else:
        lines = [(s.times, s.values) for data in record.trends if data.panel == budget.name for s in data.series]
    if len(lines) != 1:
        return _absent(budget.name, "at most", limit, unit, budget.promql or str(budget.arrivals))
    [(times, values)] = lines
    seen = trend.slope_per_hour(times, values, record.scenario.duration_s)
    return _result(budget.name, "at most", limit, unit, seen, len(values))


def _status(seen: Interval, side: Side, limit: float) -> BudgetStatus:
    """Met or broken only if the whole interval lies on one side of the limit."""
    is_upper = side == "at most"
    worst, best = (seen.high, seen.low) if is_upper else (seen.low, seen.high)
    if worst is not None and (worst <= limit if is_upper else worst >= limit):
        return "met"
    if best is not None and (best > limit if is_upper else best < limit):
        return "broken"
    return "inconclusive"


def _result(
    name: str, side: Side, limit: float, unit: str, seen: Interval, samples: int, short: str = ""
) -> BudgetResult:
    """`short` says why the sample is too small for the interval."""
    status = _status(seen, side, limit)
    reason = (short or "the interval holds the limit: a longer run would tell") if status == "inconclusive" else ""
    if math.inf in (seen.observed, seen.low):
        reason = "so many arrivals never completed that the percentile lies among them"
    observed, low, high = (None if v == math.inf else v for v in (seen.observed, seen.low, seen.high))
    return BudgetResult(name, side, limit, unit, observed, low, high, samples, status, reason)


def _absent(name: str, side: Side, limit: float, unit: str, what: str) -> BudgetResult:
    reason = f"nothing was measured of {what!r}"
    return BudgetResult(name, side, limit, unit, None, None, None, 0, "inconclusive", reason)
