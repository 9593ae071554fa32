"""Puts a run together: what the swarm measured, what Prometheus saw in the window, what the target says it stored."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise

from compose.scraping import ScrapeJob
from dashboards.panels import REPORTED, window_of
from likestorm.generator.plan import Outcome
from likestorm.results import environment, ledger, server_timing, server_values
from likestorm.results.prometheus import STEP_S, Prometheus, PrometheusError, Sampled
from likestorm.results.record import SCHEMA, Record, ScenarioFacts
from likestorm.results.record.target import ChainEffects, ErrorGroup, Hops, PanelData, PromqlValue, ScrapeTarget, Series
from likestorm.results.record.timesplit import Pooler
from likestorm.results.record.traffic import Load
from likestorm.scenario import PromqlBudget, Scenario, SlopeBudget
from service.catalog import CHAIN_DURATION

POOLER_SECONDS = ("pgbouncer_stats_client_wait_seconds_total", "pgbouncer_stats_queries_duration_seconds_total")
LATEST_S = 15

POINTS = 900
"""Of a series, in a record: a long run is not to leave one that no report can draw."""


class CollectError(Exception):
    """What a run measured cannot be had; the message says of what."""


def window(
    scenario: Scenario,
    target_url: str,
    outcome: Outcome,
    prometheus: Prometheus,
    expected: Iterable[ScrapeJob],
    stored: Mapping[str, Iterable[str]],
    memory_mb: Mapping[str, float],
    facts: Mapping[str, str],
    reported_errors: list[ErrorGroup] | None,
    counted: Hops | None = None,
) -> Record:
    """The record of a run, without a verdict.

    expected: what the topology says is scraped. stored: the target's audit, ids stored since the run began by set.
    facts: on the environment, beside those that can be found out.
    counted: the requests of the run as each hop counted them. Raises CollectError where the audit lacks a set.
    """
    start, end = outcome.window_start, outcome.window_end
    seen = observe(prometheus, expected, scenario.budgets.promql, start, end)
    try:
        entries = ledger.reconcile(outcome.journals, stored)
    except KeyError as error:
        raise CollectError(f"the target's audit says nothing about {error}") from error
    return Record(
        schema=SCHEMA,
        scenario=_facts(scenario, outcome),
        target=target_url,
        started_at=_iso(start),
        finished_at=_iso(end),
        environment=environment.describe() | dict(facts),
        load=_sum(a.load for a in outcome.arrivals.values()),
        arrivals=outcome.arrivals,
        requests=outcome.requests,
        generator=outcome.generator,
        scrapes=seen.scrapes,
        panels=seen.panels,
        ledger=entries,
        memory_mb=dict(memory_mb),
        chains=seen.chains,
        reported_errors=reported_errors,
        hops=counted,
        promql=seen.promql,
        aborted=outcome.aborted,
        drifts=drifts(prometheus, scenario.budgets.slopes, start, end),
        timing=server_timing.summarize(outcome.timing),
        pooler=seen.pooler,
    )


def visited(
    scenario: Scenario,
    target_url: str,
    outcome: Outcome,
    prometheus: Prometheus | None,
    stored: Mapping[str, Iterable[str]] | None,
    memory_mb: Mapping[str, float],
    facts: Mapping[str, str],
    counted: Hops | None = None,
) -> Record:
    """The record of a run on somebody's own service, without a verdict; CollectError as `window` raises it.

    prometheus: the target's, for budgets on PromQL. stored: what the target's own audit says, None where it has none.
    """
    start, end = outcome.window_start, outcome.window_end
    budgets = scenario.budgets.promql
    promql = [server_values.evaluate(prometheus, each, start, end) for each in budgets] if prometheus else []
    try:
        entries = [] if stored is None else ledger.reconcile(outcome.journals, stored)
    except KeyError as error:
        raise CollectError(f"the target's audit says nothing about {error}") from error
    return Record(
        schema=SCHEMA,
        scenario=_facts(scenario, outcome),
        target=target_url,
        started_at=_iso(outcome.window_start),
        finished_at=_iso(outcome.window_end),
        environment=environment.describe() | dict(facts),
        load=_sum(a.load for a in outcome.arrivals.values()),
        arrivals=outcome.arrivals,
        requests=outcome.requests,
        generator=outcome.generator,
        scrapes=[],
        panels=[],
        ledger=entries,
        memory_mb=dict(memory_mb),
        hops=counted,
        promql=promql,
        aborted=outcome.aborted,
        drifts=drifts(prometheus, scenario.budgets.slopes, start, end) if prometheus else [],
        timing=server_timing.summarize(outcome.timing),
    )


@dataclass(frozen=True)
class Observed:
    """What Prometheus saw in the window."""

    scrapes: list[ScrapeTarget]
    panels: list[PanelData]
    chains: list[ChainEffects]
    promql: list[PromqlValue]
    pooler: Pooler | None


def observe(
    prometheus: Prometheus, expected: Iterable[ScrapeJob], budgets: Iterable[PromqlBudget], start: float, end: float
) -> Observed:
    """Ask Prometheus for all that the record keeps; where it is away, each target has one gap, the window."""
    expected, budgets = list(expected), list(budgets)
    try:
        rates_over = window_of(prometheus.scrape_interval_s(end))
        return Observed(
            scrapes(prometheus, expected, start, end),
            [filled(prometheus, each.data(rates_over), start, end) for each in REPORTED],
            chains(prometheus, start, end),
            [server_values.evaluate(prometheus, budget, start, end) for budget in budgets],
            pooler(prometheus, start, end),
        )
    except PrometheusError as error:
        unseen = [_scrape(target, [], start, end) for target in expected]
        return Observed(unseen, [], [], [PromqlValue(b.name, b.promql, [], str(error)) for b in budgets], None)


def drifts(prometheus: Prometheus, budgets: Iterable[SlopeBudget], start: float, end: float) -> list[PanelData]:
    """What budgets on slopes ask of Prometheus; nothing of those that it refuses or is not there for."""
    found = []
    for budget in budgets:
        if budget.promql:
            with contextlib.suppress(PrometheusError):
                found.append(filled(prometheus, PanelData(budget.name, budget.promql, []), start, end))
    return found


def _facts(scenario: Scenario, outcome: Outcome) -> ScenarioFacts:
    """What was asked for; of a run that ended early, the window is as long as it became."""
    seconds = round(outcome.window_end - outcome.window_start, 3) if outcome.aborted else scenario.duration_s
    return ScenarioFacts(
        name=scenario.name,
        description=scenario.description,
        seed=scenario.seed,
        duration_s=seconds,
        warm_up_s=scenario.warm_up_s,
        rate_factor=scenario.rate_factor,
    )


def _iso(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="milliseconds")


def _sum(loads: Iterable[Load]) -> Load:
    rows = [(a.offered, a.completed, a.failed, a.dropped, a.unfinished) for a in loads]
    return Load(*map(sum, zip(*rows, strict=True)))


def filled(prometheus: Prometheus, panel: PanelData, start: float, end: float) -> PanelData:
    """A panel with its series between start and end (Unix time), at most POINTS values each; NaN becomes None."""
    step = max(STEP_S, math.ceil((end - start) / POINTS))
    return replace(panel, series=[_series(s, start) for s in prometheus.range(panel.query, start, end, step)])


def _series(sampled: Sampled, start: float) -> Series:
    return Series(
        labels=sampled.labels,
        times=[round(time - start, 3) for time, _ in sampled.points],
        values=[None if math.isnan(value) else value for _, value in sampled.points],
    )


def chains(prometheus: Prometheus, start: float, end: float) -> list[ChainEffects]:
    """What each asynchronous chain brought about between start and end (Unix time); none where it cannot be known."""
    query = f"sum by (chain, le) ({CHAIN_DURATION.name}_bucket)"
    before, after = (
        {(s.labels["chain"], float(s.labels["le"])): s.values[-1] for s in prometheus.range(query, at, at)}
        for at in (start, end)
    )
    buckets: dict[str, list[tuple[float | None, int]]] = {}
    for (chain, bound), count in sorted(after.items()):
        within = round(count - before.get((chain, bound), 0.0))
        buckets.setdefault(chain, []).append((None if bound == math.inf else bound, within))
    # Of a part that was not scraped in time at the end all effects are missing, those from before the start too.
    return [ChainEffects(chain, found) for chain, found in buckets.items() if all(within >= 0 for _, within in found)]


def pooler(prometheus: Prometheus, start: float, end: float) -> Pooler | None:
    """What PgBouncer says of the time between start and end (Unix time); None where it is not watched."""
    wait, queries = (_increase(prometheus, counter, start, end) for counter in POOLER_SECONDS)
    # PgBouncer's queries begin when it reads them, and so hold the wait.
    return None if wait is None or queries is None else Pooler(wait, round(max(0.0, queries - wait), 6))


def _increase(prometheus: Prometheus, counter: str, start: float, end: float) -> float | None:
    # A scrape that was missed leaves a gap, but no doubt about what the counter was a moment before.
    latest = f"sum(last_over_time({counter}[{LATEST_S}s]))"
    before, after = (prometheus.range(latest, at, at) for at in (start, end))
    return round(after[0].values[-1] - before[0].values[-1], 6) if before and after else None


def scrapes(prometheus: Prometheus, expected: Iterable[ScrapeJob], start: float, end: float) -> list[ScrapeTarget]:
    """How completely each expected target was scraped; one that Prometheus does not know has one gap, the window."""
    seen = {(s.labels["job"], s.labels["instance"]): s.points for s in prometheus.samples("up", start=start, end=end)}
    return [_scrape(target, seen.get((target.job, target.instance), []), start, end) for target in expected]


def _scrape(target: ScrapeJob, points: list[tuple[float, float]], start: float, end: float) -> ScrapeTarget:
    """A watched part that is down is the target's own trouble; an instrument that is down leaves a gap."""
    times = [time for time, up in points if up or not target.is_instrument]
    gaps = [later - earlier for earlier, later in pairwise([start, *times, end])]
    steps = pairwise([*points, (end, 1.0)])
    down = sum((later - earlier for (earlier, up), (later, _) in steps if not up), start=0.0)
    gap = round(max(gaps), 3)
    return ScrapeTarget(target.job, target.instance, len(points), gap, round(down, 3), target.interval_s)
