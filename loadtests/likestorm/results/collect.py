"""Puts a run together: what the swarm measured, what Prometheus saw in the window, what the target says it stored."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise

from likestorm.errors import LikestormError
from likestorm.results import environment, ledger, server_timing, server_values
from likestorm.results.outcome import Outcome
from likestorm.results.prometheus import STEP_S, Prometheus, PrometheusError, Sampled
from likestorm.results.record import SCHEMA, Record, ScenarioFacts
from likestorm.results.record.target import ChainEffects, Hops, PanelData, PromqlValue, ScrapeTarget, Series
from likestorm.results.record.timesplit import TierWait
from likestorm.results.record.traffic import Load
from likestorm.results.running import ExpectedScrape, Running, WaitCounters
from likestorm.scenario import Scenario, SlopeBudget

LATEST_S = 15

POINTS = 900
"""Of a series, in a record: a long run is not to leave one that no report can draw."""


class CollectError(LikestormError):
    """What a run measured cannot be had; the message says of what."""


@dataclass(frozen=True)
class Around:
    """What was read of the target around the load.

    stored: the ids that the target stored since the run began, by set. counted: the requests as each hop counted them.
    """

    stored: Mapping[str, Sequence[str]] | None
    counted: Hops | None
    memory_mb: Mapping[str, float]


def collect(scenario: Scenario, running: Running, outcome: Outcome, around: Around) -> Record:
    """The record of a run, without a verdict; CollectError where the audit lacks a set that clients changed."""
    start, end = outcome.window_start, outcome.window_end
    seen = observe(running, scenario, start, end)
    errors = running.errors()
    try:
        entries = [] if around.stored is None else ledger.reconcile(outcome.journals, around.stored)
    except KeyError as error:
        raise CollectError(f"the target's audit says nothing about {error}") from error
    return Record(
        schema=SCHEMA,
        scenario=_facts(scenario, outcome),
        target=running.url,
        started_at=_iso(start),
        finished_at=_iso(end),
        environment=environment.describe() | dict(running.facts()),
        settings=dict(running.settings),
        load=_sum(a.load for a in outcome.arrivals.values()),
        arrivals=outcome.arrivals,
        requests=outcome.requests,
        generator=outcome.generator,
        scrapes=seen.scrapes,
        panels=seen.panels,
        ledger=entries,
        memory_mb=dict(around.memory_mb),
        chains=seen.chains,
        reported_errors=None if errors is None else list(errors),
        hops=around.counted,
        promql=seen.promql,
        aborted=outcome.aborted,
        drifts=seen.drifts,
        timing=server_timing.summarize(outcome.timing),
        tier_waits=seen.tier_waits,
    )


@dataclass(frozen=True)
class Observed:
    """What Prometheus saw in the window."""

    scrapes: list[ScrapeTarget] = field(default_factory=list)
    panels: list[PanelData] = field(default_factory=list)
    chains: list[ChainEffects] = field(default_factory=list)
    promql: list[PromqlValue] = field(default_factory=list)
    drifts: list[PanelData] = field(default_factory=list)
    tier_waits: list[TierWait] = field(default_factory=list)


def observe(running: Running, scenario: Scenario, start: float, end: float) -> Observed:
    """Ask Prometheus for all that the record keeps; where it is away, each target has one gap, the window."""
    budgets = scenario.budgets.promql
    if running.prometheus is None:
        return Observed()
    prometheus = Prometheus(running.prometheus)
    slopes = drifts(prometheus, scenario.budgets.slopes, start, end)
    try:
        panels = running.panels(prometheus.scrape_interval_s(end)) if running.scrapes else ()
        return Observed(
            scrapes(prometheus, running.scrapes, start, end),
            [replace(each, series=_ask(prometheus, each.query, start, end)) for each in panels],
            chains(prometheus, running.chain_buckets, start, end) if running.chain_buckets else [],
            [server_values.evaluate(prometheus, budget, start, end) for budget in budgets],
            slopes,
            [found for each in running.tier_waits if (found := tier_wait(prometheus, each, start, end))],
        )
    except PrometheusError as error:
        unseen = [_scrape(target, [], start, end) for target in running.scrapes]
        unknown = [PromqlValue(budget.name, budget.promql, [], str(error)) for budget in budgets]
        return Observed(unseen, promql=unknown, drifts=slopes)


def drifts(prometheus: Prometheus, budgets: Iterable[SlopeBudget], start: float, end: float) -> list[PanelData]:
    """What budgets on slopes ask of Prometheus; nothing of those that it refuses or is not there for."""
    found = []
    for budget in budgets:
        if budget.promql:
            with contextlib.suppress(PrometheusError):
                found.append(PanelData(budget.name, budget.promql, _ask(prometheus, budget.promql, start, end)))
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


def _ask(prometheus: Prometheus, query: str, start: float, end: float) -> list[Series]:
    """The series of a query between start and end (Unix time), at most POINTS values each; NaN becomes None."""
    step = max(STEP_S, math.ceil((end - start) / POINTS))
    return [_series(sampled, start) for sampled in prometheus.range(query, start, end, step)]


def _series(sampled: Sampled, start: float) -> Series:
    return Series(
        labels=sampled.labels,
        times=[round(time - start, 3) for time, _ in sampled.points],
        values=[None if math.isnan(value) else value for _, value in sampled.points],
    )


def chains(prometheus: Prometheus, histogram: str, start: float, end: float) -> list[ChainEffects]:
    """What each asynchronous chain brought about between start and end (Unix time); none where it cannot be known."""
    query = f"sum by (chain, le) ({histogram}_bucket)"
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


def tier_wait(prometheus: Prometheus, counters: WaitCounters, start: float, end: float) -> TierWait | None:
    """How a tier's time splits between start and end (Unix time); None where its counters are not there."""
    wait, total = (_increase(prometheus, counter, start, end) for counter in (counters.wait, counters.total))
    if wait is None or total is None:
        return None
    return TierWait(counters.tier, counters.behind, counters.source, wait, round(max(0.0, total - wait), 6))


def _increase(prometheus: Prometheus, counter: str, start: float, end: float) -> float | None:
    # A scrape that was missed leaves a gap, but no doubt about what the counter was a moment before.
    latest = f"sum(last_over_time({counter}[{LATEST_S}s]))"
    before, after = (prometheus.range(latest, at, at) for at in (start, end))
    return round(after[0].values[-1] - before[0].values[-1], 6) if before and after else None


def scrapes(prometheus: Prometheus, expected: Iterable[ExpectedScrape], start: float, end: float) -> list[ScrapeTarget]:
    """How completely each expected target was scraped; one that Prometheus does not know has one gap, the window."""
    seen = {(s.labels["job"], s.labels["instance"]): s.points for s in prometheus.samples("up", start=start, end=end)}
    return [_scrape(target, seen.get((target.job, target.instance), []), start, end) for target in expected]


def _scrape(target: ExpectedScrape, points: list[tuple[float, float]], start: float, end: float) -> ScrapeTarget:
    """A watched part that is down is the target's own trouble; an instrument that is down leaves a gap."""
    times = [time for time, up in points if up or not target.is_instrument]
    gaps = [later - earlier for earlier, later in pairwise([start, *times, end])]
    steps = pairwise([*points, (end, 1.0)])
    down = sum((later - earlier for (earlier, up), (later, _) in steps if not up), start=0.0)
    gap = round(max(gaps), 3)
    return ScrapeTarget(target.job, target.instance, len(points), gap, round(down, 3), target.interval_s)
