"""Builds the record of a run from the generator's outcome, from Prometheus and from the target."""

import contextlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise

from likestorm.results import environment, ledger, server_timing, server_values
from likestorm.results.outcome import Outcome
from likestorm.results.prometheus import STEP_S, Prometheus, PrometheusError, Sampled
from likestorm.results.record import SCHEMA, Record, ScenarioFacts
from likestorm.results.record.target import (
    ChainEffects,
    ErrorGroup,
    LedgerEntry,
    PanelData,
    PromqlValue,
    Reconciliation,
    ScrapeTarget,
    Series,
)
from likestorm.results.record.timesplit import TierWait
from likestorm.results.record.traffic import Load
from likestorm.results.running import ExpectedScrape, Running, WaitCounters
from likestorm.scenario import Scenario, SlopeBudget

LATEST_S = 15
POINTS = 900
"""Most values of one series in a record, so that a report can draw the series of a long run."""


@dataclass(frozen=True)
class Readings:
    """What was read from the target after the load.

    stored: ids that the target stored since the run began, by set; None without an audit, or with a failed one, which
    `audit_problem` then explains. reconciliation: None without request counters. errors: None without an error tracker.
    """

    stored: Mapping[str, Sequence[str]] | None = None
    audit_problem: str = ""
    reconciliation: Reconciliation | None = None
    errors: Sequence[ErrorGroup] | None = None


def collect(
    scenario: Scenario, running: Running, outcome: Outcome, readings: Readings, memory_mb: Mapping[str, float]
) -> Record:
    """The record of a run, without a verdict."""
    start, end = outcome.window_start, outcome.window_end
    observed = observe(running, scenario, start, end)
    entries, problem = _reconcile(outcome, readings)
    loads = [each.load for each in outcome.arrivals.values()]
    return Record(
        schema=SCHEMA,
        scenario=_facts(scenario, outcome),
        target=running.url,
        started_at=_iso(start),
        finished_at=_iso(end),
        environment=environment.describe() | dict(running.facts()),
        settings=dict(running.settings),
        load=Load(*(sum(getattr(load, name) for load in loads) for name in Load.__annotations__)),
        arrivals=outcome.arrivals,
        requests=outcome.requests,
        generator=outcome.generator,
        scrapes=observed.scrapes,
        panels=observed.panels,
        ledger=entries,
        ledger_problem=problem,
        memory_mb=dict(memory_mb),
        chains=observed.chains,
        reported_errors=None if readings.errors is None else list(readings.errors),
        reconciliation=readings.reconciliation,
        promql=observed.promql,
        aborted=outcome.aborted,
        trends=observed.trends,
        timing=server_timing.summarize(outcome.timing),
        tier_waits=observed.tier_waits,
    )


def _reconcile(outcome: Outcome, readings: Readings) -> tuple[list[LedgerEntry], str]:
    """The ledger, or the reason why there is none."""
    if readings.stored is None:
        return [], readings.audit_problem
    try:
        return ledger.reconcile(outcome.journals, readings.stored), ""
    except KeyError as error:
        return [], f"the target's audit says nothing about {error}"


@dataclass(frozen=True)
class Observed:
    """What Prometheus observed in the window."""

    scrapes: list[ScrapeTarget] = field(default_factory=list)
    panels: list[PanelData] = field(default_factory=list)
    chains: list[ChainEffects] = field(default_factory=list)
    promql: list[PromqlValue] = field(default_factory=list)
    trends: list[PanelData] = field(default_factory=list)
    tier_waits: list[TierWait] = field(default_factory=list)


def observe(running: Running, scenario: Scenario, start: float, end: float) -> Observed:
    """Query Prometheus for the record; if it is unreachable, each target has one gap as long as the window."""
    budgets = scenario.budgets.promql
    if running.prometheus is None:
        return Observed()
    prometheus = Prometheus(running.prometheus)
    slopes = trends(prometheus, scenario.budgets.slopes, start, end)
    try:
        panels = running.panels(prometheus.scrape_interval_s(end)) if running.scrapes else ()
        return Observed(
            scrapes(prometheus, running.scrapes, start, end),
            [replace(each, series=_query(prometheus, each.query, start, end)) for each in panels],
            chains(prometheus, running.chain_buckets, start, end) if running.chain_buckets else [],
            [server_values.evaluate(prometheus, budget, start, end) for budget in budgets],
            slopes,
            [found for each in running.tier_waits if (found := tier_wait(prometheus, each, start, end))],
        )
    except PrometheusError as error:
        unseen = [_scrape(target, [], start, end) for target in running.scrapes]
        unknown = [PromqlValue(budget.name, budget.promql, [], str(error)) for budget in budgets]
        return Observed(unseen, promql=unknown, trends=slopes)


def trends(prometheus: Prometheus, budgets: Iterable[SlopeBudget], start: float, end: float) -> list[PanelData]:
    """The series of budgets on slopes in Prometheus; queries that fail are left out."""
    found = []
    for budget in budgets:
        if budget.promql:
            with contextlib.suppress(PrometheusError):
                found.append(PanelData(budget.name, budget.promql, _query(prometheus, budget.promql, start, end)))
    return found


def _facts(scenario: Scenario, outcome: Outcome) -> ScenarioFacts:
    """The requested load; a run that ended early has the duration that it reached."""
    seconds = round(outcome.window_end - outcome.window_start, 3) if outcome.aborted else scenario.duration_s
    return ScenarioFacts(
        scenario.name, scenario.description, scenario.seed, seconds, scenario.warm_up_s, scenario.rate_factor
    )


def _iso(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="milliseconds")


def _query(prometheus: Prometheus, query: str, start: float, end: float) -> list[Series]:
    """The series of a query between start and end (Unix time), at most POINTS values each."""
    step = max(STEP_S, math.ceil((end - start) / POINTS))
    return [_series(sampled, start) for sampled in prometheus.range(query, start, end, step)]


def _series(sampled: Sampled, start: float) -> Series:
    """A series with times since the start; NaN becomes None."""
    times = [round(time - start, 3) for time, _ in sampled.points]
    return Series(sampled.labels, times, [None if math.isnan(value) else value for value in sampled.values])


def chains(prometheus: Prometheus, histogram: str, start: float, end: float) -> list[ChainEffects]:
    """The effects of each chain between start and end (Unix time); chains with lost counts are left out."""
    query = f"sum by (chain, le) ({histogram}_bucket)"
    before, after = (
        {(s.labels["chain"], float(s.labels["le"])): s.values[-1] for s in prometheus.range(query, at, at)}
        for at in (start, end)
    )
    buckets: dict[str, list[tuple[float | None, int]]] = {}
    for (chain, bound), count in sorted(after.items()):
        within = round(count - before.get((chain, bound), 0.0))
        buckets.setdefault(chain, []).append((None if bound == math.inf else bound, within))
    # An exporter that misses its last scrape takes its counts from before the window with it: the sum then falls.
    return [ChainEffects(chain, found) for chain, found in buckets.items() if all(within >= 0 for _, within in found)]


def tier_wait(prometheus: Prometheus, counters: WaitCounters, start: float, end: float) -> TierWait | None:
    """Waiting and work of a tier between start and end (Unix time); None without its counters."""
    wait, total = (_increase(prometheus, counter, start, end) for counter in (counters.wait, counters.total))
    if wait is None or total is None:
        return None
    return TierWait(counters.tier, counters.behind, counters.source, wait, round(max(0.0, total - wait), 6))


def _increase(prometheus: Prometheus, counter: str, start: float, end: float) -> float | None:
    # The last sample before a missed scrape is still the counter's value.
    latest = f"sum(last_over_time({counter}[{LATEST_S}s]))"
    before, after = (prometheus.range(latest, at, at) for at in (start, end))
    return round(after[0].values[-1] - before[0].values[-1], 6) if before and after else None


def scrapes(prometheus: Prometheus, expected: Iterable[ExpectedScrape], start: float, end: float) -> list[ScrapeTarget]:
    """How completely each expected target was scraped; an unknown target has one gap as long as the window."""
    seen = {(s.labels["job"], s.labels["instance"]): s.points for s in prometheus.samples("up", start=start, end=end)}
    return [_scrape(target, seen.get((target.job, target.instance), []), start, end) for target in expected]


def _scrape(target: ExpectedScrape, points: list[tuple[float, float]], start: float, end: float) -> ScrapeTarget:
    """A part of the system that is down is no gap in the measurement; an instrument that is down is one."""
    times = [time for time, up in points if up or not target.is_instrument]
    gap = max(later - earlier for earlier, later in pairwise([start, *times, end]))
    down = sum(later - earlier for (earlier, up), (later, _) in pairwise([*points, (end, 1.0)]) if not up)
    return ScrapeTarget(
        target.job, target.instance, len(points), round(gap, 3), round(float(down), 3), target.interval_s
    )
