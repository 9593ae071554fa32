"""Decides of a record whether its budgets were met, and what that means beside its validity: pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping

from dashboards.quantities import limit as say_limit
from dashboards.quantities import quantity
from loadtests import histogram, intervals, server_values
from loadtests.intervals import Interval
from loadtests.record import (
    EXIT_CODES,
    BudgetResult,
    BudgetStatus,
    Record,
    Requests,
    Side,
    Status,
    ValidityCheck,
    Verdict,
)
from loadtests.scenario import Budgets, ErrorBudget, PercentileBudget, PromqlBudget, RateBudget, Scenario
from loadtests.validity import check_validity
from service.objectives import ChainObjective, Objective

SHARE = "percentunit"


def judge(
    record: Record, scenario: Scenario, objectives: Mapping[str, Objective], chains: Mapping[str, ChainObjective]
) -> Verdict:
    """The verdict on a record under the scenario's budgets and limits.

    An invalid measurement outranks a broken budget, which outranks one that cannot be decided.
    """
    budgets = _judge_budgets(record, scenario, objectives)
    budgets += [_chain(record, chains[name]) for name in scenario.budgets.chains]
    budgets += [_promql(record, budget) for budget in scenario.budgets.promql]
    checks = check_validity(record, scenario)
    status = _status(budgets, checks)
    return Verdict(status, EXIT_CODES[status], _reason(status, budgets, checks), budgets, checks)


def _judge_budgets(record: Record, scenario: Scenario, objectives: Mapping[str, Objective]) -> list[BudgetResult]:
    percentiles, errors = _of_objectives(scenario.budgets, objectives)
    percentiles += scenario.budgets.percentiles
    errors += scenario.budgets.errors
    return [
        *(_rate(record, budget) for budget in scenario.budgets.rates),
        *(_percentile(record, budget) for budget in percentiles),
        *(_errors(record, budget) for budget in errors),
    ]


def _of_objectives(
    budgets: Budgets, objectives: Mapping[str, Objective]
) -> tuple[list[PercentileBudget], list[ErrorBudget]]:
    chosen = [objectives[name] for name in budgets.objectives]
    return (
        [PercentileBudget(f"{o.name} p{o.percentile:g}", o.name, o.percentile, o.seconds) for o in chosen],
        [ErrorBudget(f"{o.name} errors", o.error_ratio, o.name) for o in chosen],
    )


def _rate(record: Record, budget: RateBudget) -> BudgetResult:
    arrivals = record.arrivals.get(budget.arrivals)
    limit = budget.at_least * (1 - budget.tolerance)
    if arrivals is None or not arrivals.load.offered:
        return _absent(budget.name, limit, "/s", budget.arrivals)
    completed = arrivals.load.completed
    seen = intervals.of_rate(completed, record.scenario.duration_s)
    return _result(budget.name, limit, "/s", seen, completed, _reaches(seen, limit))


def _percentile(record: Record, budget: PercentileBudget) -> BudgetResult:
    limit = budget.seconds * 1e3
    requests = record.requests.get(budget.request)
    if requests is None:
        return _absent(budget.name, limit, "ms", budget.request)
    sample = histogram.decode(requests.histogram, requests.censored)
    seen = intervals.of_percentile(sample, budget.percentile)
    if seen.observed is None:
        return _absent(budget.name, limit, "ms", budget.request)
    needed = intervals.samples_needed(budget.percentile)
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
    seen = intervals.of_ratio(failed, trials)
    return _result(budget.name, budget.error_ratio, "ratio", seen, trials, _within(seen, budget.error_ratio))


def _chain(record: Record, objective: ChainObjective) -> BudgetResult:
    """The share of a chain's effects that came in time; its bound must be a bucket's, as objectives.toml's are."""
    name, limit = f"{objective.name} within {objective.seconds:g} s", objective.percentile / 100
    effects = next((chain for chain in record.chains if chain.name == objective.chain), None)
    in_time = dict(effects.buckets) if effects else {}
    if effects is None or not effects.count or objective.seconds not in in_time:
        return _absent(name, limit, SHARE, objective.chain)
    seen = intervals.of_ratio(in_time[objective.seconds], effects.count)
    return _result(name, limit, SHARE, seen, effects.count, _reaches(seen, limit))


def _promql(record: Record, budget: PromqlBudget) -> BudgetResult:
    """By the interval of its tenths, or by its one value, which is a count and no sample."""
    side: Side = "at most" if budget.at_least is None else "at least"
    limit = budget.at_most if budget.at_least is None else budget.at_least
    given = next((value for value in record.promql if value.budget == budget.name), None)
    if limit is None or given is None or not given.values:
        reason = f"nothing was measured: {given.problem if given else 'Prometheus was not asked'}"
        return BudgetResult(budget.name, side, limit or 0.0, budget.unit, None, None, None, 0, "inconclusive", reason)
    seen = server_values.interval(given.values)
    status = _reaches(seen, limit) if side == "at least" else _within(seen, limit)
    return _result(budget.name, limit, budget.unit, seen, len(given.values), status, side=side)


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


def _status(budgets: Iterable[BudgetResult], checks: Iterable[ValidityCheck]) -> Status:
    budget_statuses, check_statuses = {b.status for b in budgets}, {c.status for c in checks}
    if "failed" in check_statuses:
        return "invalid"
    if "broken" in budget_statuses:
        return "breach"
    if not budget_statuses or "inconclusive" in budget_statuses or "unknown" in check_statuses:
        return "inconclusive"
    return "pass"


def _reason(status: Status, budgets: list[BudgetResult], checks: list[ValidityCheck]) -> str:
    if status == "invalid":
        failed = [c for c in checks if c.status == "failed"]
        causes = "; ".join(f"{c.check} was {c.observed}, wanted {c.limit}" for c in failed)
        return f"This measurement cannot be trusted: {causes}. {failed[0].advice}"
    if status == "breach":
        return "; ".join(_describe(b) for b in budgets if b.status == "broken") + "."
    if status == "inconclusive":
        by_reason: defaultdict[str, list[str]] = defaultdict(list)
        for budget in budgets:
            if budget.status == "inconclusive":
                by_reason[budget.reason].append(budget.name)
        open_budgets = [f"{', '.join(names)}: {reason}" for reason, names in by_reason.items()]
        open_checks = [f"{c.check}: {c.observed}" for c in checks if c.status == "unknown"]
        return "Nothing is broken, but this run cannot tell: " + "; ".join(open_budgets + open_checks) + "."
    held = sum(c.status == "ok" for c in checks)
    return f"All {len(budgets)} budgets are met, each with 95 % confidence, and all {held} validity checks hold."


def _describe(budget: BudgetResult) -> str:
    side = "under" if budget.side == "at least" else "over"
    limit = say_limit(budget.limit, budget.unit)
    if budget.observed is None:
        return f"{budget.name} is {side} its limit of {limit}: {budget.reason}"
    return f"{budget.name} was {quantity(budget.observed, budget.unit)}, {side} its limit of {limit}"
