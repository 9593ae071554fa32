"""The report's charts, made from the record."""

from __future__ import annotations

from dataclasses import dataclass

from likestorm import attribution
from likestorm.panels import charts, drawing
from likestorm.panels.charts import Segment
from likestorm.panels.lines import Line, by_second, line
from likestorm.panels.model import Panel, Threshold
from likestorm.results.histogram import decode
from likestorm.results.record import Record
from likestorm.results.record.target import PanelData
from likestorm.results.record.timesplit import TimeSplit
from likestorm.results.record.traffic import Arrivals
from likestorm.results.record.verdict import BudgetResult, Verdict

P99_RATE, MEDIAN_RATE = 100, 10
"""Arrivals a second: up to P99_RATE the p99 of a second is its maximum; below MEDIAN_RATE its median says little."""
LEAST_SHARE = 0.01
"""A tier with less in both bars is drawn with the other small ones."""
BARS = ("median", "slowest 1 %")


@dataclass(frozen=True)
class Drawing:
    """A chart with its title and note; `svg` is markup, `query` the PromQL of its data, where there is one."""

    title: str
    note: str
    svg: str
    query: str = ""


def draw_latency(record: Record, verdict: Verdict) -> list[Drawing]:
    """Response times over the window, one chart a kind of arrival."""
    return [
        _latency(name, arrivals, record.scenario.duration_s, _p99_limits(arrivals, verdict.budgets))
        for name, arrivals in record.arrivals.items()
    ]


def _latency(name: str, arrivals: Arrivals, seconds: float, limits: list[Threshold]) -> Drawing:
    slowest = "p99 of each second" if arrivals.rate > P99_RATE else "maximum of each second"
    lines = [by_second(slowest, arrivals.timeline.p99_ms)]
    if arrivals.rate >= MEDIAN_RATE:
        lines.append(by_second("median of each second", arrivals.timeline.p50_ms))
    steps = f" Whole arrivals: {', '.join(arrivals.steps)}." if len(arrivals.steps) > 1 else ""
    title = f"{name}: response time"
    svg = charts.time_chart(title, lines, "ms", end=seconds, thresholds=limits, log=True)
    return Drawing(title, f"By the second in which the arrivals were due.{steps}", svg)


def _p99_limits(arrivals: Arrivals, budgets: list[BudgetResult]) -> list[Threshold]:
    """The p99 budget of an arrival with one request; an arrival of several steps has no budget of its own."""
    if len(arrivals.steps) != 1:
        return []
    return [Threshold(b.limit, "budget") for b in budgets if b.unit == "ms" and b.name == f"{arrivals.steps[0]} p99"]


def draw_percentiles(record: Record) -> list[Drawing]:
    """Percentile curves: the response times of all requests, and both times of the most frequent request."""
    title = "Response time by percentile"
    curves = [_curve(name, each.histogram, each.censored) for name, each in record.requests.items()]
    note = "A curve ends early where arrivals never completed."
    drawn = [Drawing(title, note, charts.percentile_chart(title, curves, "ms"))]
    if record.requests:
        name = max(record.requests, key=lambda each: record.requests[each].count)
        requests = record.requests[name]
        title = f"{name}: response and service time"
        note = "The gap between the curves is the wait before a request was sent, because the target was too slow."
        curves = [
            _curve("response time", requests.histogram, requests.censored),
            _curve("service time", requests.service_histogram, 0),
        ]
        drawn.append(Drawing(title, note, charts.percentile_chart(title, curves, "ms")))
    return drawn


def _curve(name: str, blob: str, censored: int) -> Line:
    return Line(name, decode(blob, censored).percentile_curve())


def draw_rates(record: Record) -> list[Drawing]:
    """Offered and completed arrivals, one chart a kind of arrival, and the CPU of the load generator."""
    seconds = record.scenario.duration_s
    drawn = []
    for name, arrivals in record.arrivals.items():
        timeline = arrivals.timeline
        kinds = [by_second("completed", timeline.completed), by_second("offered", timeline.offered, muted=True)]
        if any(timeline.failed):
            kinds.append(by_second("failed", timeline.failed))
        title = f"{name}: arrivals per second"
        svg = charts.time_chart(title, kinds, "suffix:/s", end=seconds)
        note = "Where completed is below offered, arrivals failed, were dropped, or did not finish."
        drawn.append(Drawing(title, note, svg))
    title = "Load generator: CPU"
    cpu = by_second("load generator", [value / 100 for value in record.generator.cpu_percent])
    note = "Of one core. A generator at its limit measures itself, not the target."
    return [*drawn, Drawing(title, note, charts.time_chart(title, [cpu], "percentunit", end=seconds))]


def draw_panels(record: Record) -> list[Drawing]:
    """The target's panels from Prometheus; a panel without data says so."""
    return [_panel(data, record.scenario.duration_s) for data in record.panels]


def _panel(data: PanelData, seconds: float) -> Drawing:
    panel = Panel.of(data)
    series = [line(panel.name_of(each.labels), each.times, each.values) for each in data.series]
    svg, left_out = drawing.chart(panel, series, seconds)
    return Drawing(panel.title, f"{panel.question} {left_out}".strip(), svg, data.query)


def draw_timing(record: Record) -> list[Drawing]:
    """Two bars a request: its time by tier in the median and in the slowest 1 %; none without Server-Timing."""
    return [_timing(name, split) for name, split in record.timing.items()]


def _timing(name: str, split: TimeSplit) -> Drawing:
    title = f"{name}: time by tier"
    of = f"{split.seen:,}" if split.kept == split.seen else f"{split.kept:,} drawn at random of {split.seen:,}"
    note = f"Of {of} responses: {split.median.samples} around the median, {split.slowest.samples} in the slowest 1 %."
    return Drawing(title, note, charts.stacked_bars(title, BARS, _segments(split), "ms"))


def _segments(split: TimeSplit) -> list[Segment]:
    """The tiers from the client inwards, then the tiers that only this target names, then the small ones as one."""
    median, slowest = split.median.tiers_ms, split.slowest.tiers_ms
    wholes = (sum(median.values()), sum(slowest.values()))
    order = [*attribution.LABELS, *sorted(slowest.keys() - attribution.LABELS.keys())]
    segments, others = [], [0.0, 0.0]
    for tone, tier in enumerate(order):
        values = (median.get(tier, 0.0), slowest.get(tier, 0.0))
        if any(value >= LEAST_SHARE * whole > 0 for value, whole in zip(values, wholes, strict=True)):
            segments.append(Segment(attribution.label(tier).removeprefix("the "), values, tone))
        else:
            others = [sum(pair) for pair in zip(others, values, strict=True)]
    return [*segments, Segment("others", tuple(others), None)] if any(others) else segments
