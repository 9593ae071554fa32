"""Decides of a record whether its budgets were met and whether the measurement can be trusted: pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping

from dashboards.quantities import limit as say_limit
from dashboards.quantities import quantity
from loadtests import histogram, intervals
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
from loadtests.scenario import Budgets, ErrorBudget, Limits, PercentileBudget, RateBudget, Scenario, Target
from service.objectives import ChainObjective, Objective

CPU_SPAN_S = 5
SHARE = "percentunit"


def judge(
    record: Record, scenario: Scenario, objectives: Mapping[str, Objective], chains: Mapping[str, ChainObjective]
) -> Verdict:
    """The verdict on a record under the scenario's budgets and limits.

    An invalid measurement outranks a broken budget, which outranks one that cannot be decided.
    """
    budgets = _judge_budgets(record, scenario, objectives)
    budgets += [_chain(record, chains[name]) for name in scenario.budgets.chains]
    checks = check_validity(record, scenario.limits, scenario.target)
    status = _status(budgets, checks)
    return Verdict(status, EXIT_CODES[status], _reason(status, budgets, checks), budgets, checks)


def check_validity(record: Record, limits: Limits, target: Target | None = None) -> list[ValidityCheck]:
    """The checks of the measurement itself; of a target of one's own, nothing is scraped, and a ledger may be kept."""
    checks = [_accounting(record), _schedule(record), _dispatch_lag(record, limits), _generator_cpu(record, limits)]
    if target is None:
        checks.append(_scraping(record, limits))
    if target is None or target.audit:
        checks.append(_ledger(record))
    return checks


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
    name: str, limit: float, unit: str, seen: Interval, samples: int, status: BudgetStatus, reason: str = ""
) -> BudgetResult:
    if status != "inconclusive":
        reason = ""
    elif not reason:
        reason = "the interval holds the limit: a longer run would tell"
    if math.inf in (seen.observed, seen.low):
        reason = "so many arrivals never completed that the percentile lies among them"
    observed, low, high = (None if v == math.inf else v for v in (seen.observed, seen.low, seen.high))
    return BudgetResult(name, _side(unit), limit, unit, observed, low, high, samples, status, reason)


def _absent(name: str, limit: float, unit: str, what: str) -> BudgetResult:
    reason = f"nothing was measured of {what!r}"
    return BudgetResult(name, _side(unit), limit, unit, None, None, None, 0, "inconclusive", reason)


def _side(unit: str) -> Side:
    """Rates, and shares of effects in time, are the budgets that say how much there must be."""
    return "at least" if unit in ("/s", SHARE) else "at most"


def _accounting(record: Record) -> ValidityCheck:
    load = record.load
    ended = load.completed + load.failed + load.dropped + load.unfinished
    return ValidityCheck(
        "every arrival accounted for",
        "offered = completed + failed + dropped + unfinished",
        f"{load.offered} = {ended}" if load.offered == ended else f"{load.offered} ≠ {ended}",
        "ok" if load.offered == ended and load.offered else "failed",
        "The load generator lost track of arrivals: look into logs/swarm.log.",
    )


def _schedule(record: Record) -> ValidityCheck:
    wrong = [
        f"{name} {a.load.offered} of {a.scheduled}"
        for name, a in record.arrivals.items()
        if a.load.offered != a.scheduled
    ]
    total = sum(a.scheduled for a in record.arrivals.values())
    return ValidityCheck(
        "offered against schedule",
        "all scheduled arrivals",
        ", ".join(wrong) or f"{record.load.offered} of {total}",
        "failed" if wrong or not total else "ok",
        "The load generator did not offer what the scenario asks for: look into logs/swarm.log.",
    )


def _dispatch_lag(record: Record, limits: Limits) -> ValidityCheck:
    lag, limit = record.generator.dispatch_lag_ms.p99, limits.dispatch_lag_p99_s * 1e3
    return ValidityCheck(
        "dispatch lag p99",
        f"≤ {limit:g} ms",
        "not known" if lag is None else f"{lag:.2f} ms",
        "unknown" if lag is None else "ok" if lag <= limit else "failed",
        "Arrivals started late: lower RATE, or give the generator a core of its own.",
    )


def _generator_cpu(record: Record, limits: Limits) -> ValidityCheck:
    busiest = _busiest(record.generator.cpu_percent)
    return ValidityCheck(
        "generator CPU",
        f"≤ {limits.cpu_percent:g} % of a core over {CPU_SPAN_S} s",
        "not known" if busiest is None else f"{busiest:.0f} % at most",
        "unknown" if busiest is None else "ok" if busiest <= limits.cpu_percent else "failed",
        "The load generator was short of CPU: lower RATE, or give it a core of its own.",
    )


def _busiest(percents: list[float]) -> float | None:
    """The highest mean over CPU_SPAN_S neighbouring seconds (over all, where there are fewer)."""
    span = min(CPU_SPAN_S, len(percents))
    if not span:
        return None
    return max(sum(percents[k : k + span]) / span for k in range(len(percents) - span + 1))


def _scraping(record: Record, limits: Limits) -> ValidityCheck:
    worst = max(record.scrapes, key=lambda s: s.longest_gap_s, default=None)
    limit = f"no gap over {limits.scrape_gap_s:g} s"
    advice = (
        "Prometheus missed samples of a part: look into logs/prometheus.log and whether the machine was overloaded."
    )
    if worst is None:
        return ValidityCheck("scraping", limit, "no target was scraped", "failed", advice)
    seen = f"{worst.longest_gap_s:.1f} s at most ({worst.job}/{worst.instance}), {len(record.scrapes)} targets"
    return ValidityCheck(
        "scraping", limit, seen, "ok" if worst.longest_gap_s <= limits.scrape_gap_s else "failed", advice
    )


def _ledger(record: Record) -> ValidityCheck:
    lost = sum(entry.lost for entry in record.ledger)
    phantom = sum(entry.phantom for entry in record.ledger)
    acknowledged = sum(entry.acknowledged for entry in record.ledger)
    return ValidityCheck(
        "ledger",
        "lost = phantom = 0",
        f"lost {lost}, phantom {phantom} of {acknowledged} acknowledged" if record.ledger else "no audit",
        "unknown" if not acknowledged else "failed" if lost or phantom else "ok",
        "What the target acknowledged and what it stored differ: its answers, and so these figures, mean nothing.",
    )


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
    return f"All {len(budgets)} budgets are met, each with 95 % confidence, and all {len(checks)} validity checks hold."


def _describe(budget: BudgetResult) -> str:
    side = "under" if budget.side == "at least" else "over"
    limit = say_limit(budget.limit, budget.unit)
    if budget.observed is None:
        return f"{budget.name} is {side} its limit of {limit}: {budget.reason}"
    return f"{budget.name} was {quantity(budget.observed, budget.unit)}, {side} its limit of {limit}"
