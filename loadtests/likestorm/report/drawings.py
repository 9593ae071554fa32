"""The report's charts, worked out from the record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dashboards import panels
from dashboards.panels import Threshold
from likestorm.panels import charts, drawing
from likestorm.panels.lines import Line, line
from likestorm.results.histogram import decode
from likestorm.results.record import Record
from likestorm.results.record.target import PanelData
from likestorm.results.record.traffic import Arrivals, Requests
from likestorm.results.record.verdict import BudgetResult, Verdict

P99_RATE, MEDIAN_RATE = 100, 10
"""Arrivals a second: up to P99_RATE a second's p99 is its slowest; below MEDIAN_RATE its median says little."""


@dataclass(frozen=True)
class Drawing:
    """A chart with the words around it; `svg` is markup, `query` the PromQL it came from, if it did."""

    title: str
    note: str
    svg: str
    query: str = ""


def draw_latency(record: Record, verdict: Verdict) -> list[Drawing]:
    """Response times over the window, one chart a kind of arrival, whole arrivals with all their steps."""
    return [
        _latency(name, arrivals, record.scenario.duration_s, _p99_limits(arrivals, verdict.budgets))
        for name, arrivals in record.arrivals.items()
    ]


def _latency(name: str, arrivals: Arrivals, seconds: float, limits: list[Threshold]) -> Drawing:
    timeline = arrivals.timeline
    at = [float(second) for second in range(len(timeline.offered))]
    steps = "" if len(arrivals.steps) <= 1 else f" Whole arrivals: {', '.join(arrivals.steps)}."
    slow = "p99 of each second" if arrivals.rate > P99_RATE else "slowest of each second"
    pair = [line(slow, at, timeline.p99_ms)]
    if arrivals.rate >= MEDIAN_RATE:
        pair.append(line("median of each second", at, timeline.p50_ms))
    title = f"{name}: response time"
    svg = charts.time_chart(title, pair, "ms", end=seconds, thresholds=limits, log=True)
    return Drawing(title, f"By the second in which arrivals were due.{steps}", svg)


def _p99_limits(arrivals: Arrivals, budgets: list[BudgetResult]) -> list[Threshold]:
    """The p99 budget of an arrival's only request; an arrival of several steps has none of its own."""
    if len(arrivals.steps) != 1:
        return []
    return [Threshold(b.limit, "budget") for b in budgets if b.unit == "ms" and b.name == f"{arrivals.steps[0]} p99"]


def draw_percentiles(record: Record) -> list[Drawing]:
    """Percentile curves: every request's response times, and response against service time of the busiest."""
    curves = [_curve(name, requests.histogram, requests.censored) for name, requests in record.requests.items()]
    all_title = "Response time by percentile"
    drawn = [
        Drawing(all_title, "A curve that ends early ends where arrivals never completed.", _curves(all_title, curves))
    ]
    if record.requests:
        name = max(record.requests, key=lambda each: record.requests[each].count)
        title = f"{name}: response against service time"
        note = "The gap between the curves is time spent waiting to be sent: the target was too slow to be asked."
        drawn.append(Drawing(title, note, _curves(title, _response_and_service(record.requests[name]))))
    return drawn


def _response_and_service(requests: Requests) -> list[Line]:
    return [
        _curve("response time", requests.histogram, requests.censored),
        _curve("service time", requests.service_histogram, 0),
    ]


def _curve(name: str, blob: str, censored: int) -> Line:
    return Line(name, decode(blob, censored).percentile_curve())


def _curves(title: str, curves: list[Line]) -> str:
    return charts.percentile_chart(title, curves, "ms")


def draw_rates(record: Record) -> list[Drawing]:
    """Arrivals offered and what became of them, one chart a kind of arrival, and the generator's own CPU."""
    seconds = record.scenario.duration_s
    drawn = []
    for name, arrivals in record.arrivals.items():
        timeline = arrivals.timeline
        at = [float(second) for second in range(len(timeline.offered))]
        kinds = [line("completed", at, timeline.completed), line("offered", at, timeline.offered, muted=True)]
        if any(timeline.failed):
            kinds.append(line("failed", at, timeline.failed))
        title = f"{name}: arrivals a second"
        svg = charts.time_chart(title, kinds, "suffix:/s", end=seconds)
        drawn.append(
            Drawing(title, "Where completed lies below offered, arrivals failed, were dropped, or never ended.", svg)
        )
    cpu = [value / 100 for value in record.generator.cpu_percent]
    load = line("load generator", [float(second) for second in range(len(cpu))], cpu)
    title = "Load generator: CPU"
    svg = charts.time_chart(title, [load], "percentunit", end=seconds)
    drawn.append(Drawing(title, "Of one core. A generator without CPU to spare measures itself.", svg))
    return drawn


def draw_panels(record: Record) -> list[Drawing]:
    """What Prometheus saw of the target, by the panels of the dashboard; a panel without data says so."""
    return [_panel(data, record.scenario.duration_s) for data in record.panels]


def _panel(data: PanelData, seconds: float) -> Drawing:
    panel = panels.BY_ID.get(data.panel)
    if panel is None:
        # A record of another version may have panels that this catalogue no longer has.
        panel = panels.Panel(data.panel, data.panel, "", data.query, "", "short")
    named = [line(_name(panel, series.labels), series.times, series.values) for series in data.series]
    chosen, left_out = drawing.shown(panel, named)
    note = f"{panel.question} {left_out}".strip()
    return Drawing(panel.title, note, drawing.chart(panel, chosen, seconds), data.query)


def _name(panel: panels.Panel, labels: Mapping[str, str]) -> str:
    named = panel.name_of(dict(labels))
    return named or ", ".join(f"{label}={value}" for label, value in sorted(labels.items()))
