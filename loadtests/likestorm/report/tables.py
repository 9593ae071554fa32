"""The report's tables: rows of text, worked out from the record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from likestorm.panels import charts
from likestorm.report import wording
from likestorm.results.record import Record
from likestorm.results.record.target import Series
from likestorm.results.record.traffic import Requests
from likestorm.results.record.verdict import BudgetResult, Verdict
from likestorm.units import quantity

CPU_PANEL = "cpu-by-part"
ARRIVAL_WORDS = {"like": "likes", "upload": "photo uploads", "signup": "signups"}
RANKS = {"broken": 0, "failed": 0, "inconclusive": 1, "unknown": 1, "met": 2, "ok": 2}


@dataclass(frozen=True)
class Figure:
    """A key figure of the first screen; `tone` is empty where the figure alone is neither good nor bad."""

    label: str
    value: str
    note: str
    tone: str = ""


@dataclass(frozen=True)
class BudgetRow:
    """A budget against what was seen; `bar` is SVG."""

    name: str
    limit: str
    observed: str
    interval: str
    bar: str
    samples: str
    status: str
    tone: str
    reason: str


@dataclass(frozen=True)
class RequestRow:
    """The times of one request's answers: response and service, each p50, p90, p95, p99, p99.9, max."""

    name: str
    count: str
    failures: int
    censored: int
    response: list[str]
    service: list[str]


@dataclass(frozen=True)
class PartRow:
    """What one part of the stack used; `spark` is SVG of its CPU over the window."""

    name: str
    cpu_mean: str
    cpu_max: str
    spark: str
    memory: str


def list_figures(record: Record, verdict: Verdict) -> list[Figure]:
    """Rates achieved, the first latency budget, what failed, and what was lost."""
    figures = [
        Figure(
            f"{ARRIVAL_WORDS.get(name, name)} completed",
            quantity(each.load.completed / record.scenario.duration_s, "/s"),
            f"asked for: {wording.say_asked(each)}",
        )
        for name, each in list(record.arrivals.items())[:2]
    ]
    latency = next((budget for budget in verdict.budgets if budget.unit == "ms"), None)
    if latency:
        tone = wording.TONES[latency.status]
        value = quantity(latency.observed, latency.unit)
        figures.append(Figure(latency.name, value, f"budget: {wording.say_limit(latency)}", tone))
    return [*figures, _errors(record, verdict), _lost(record)]


def _errors(record: Record, verdict: Verdict) -> Figure:
    bad = record.load.failed + record.load.dropped + record.load.unfinished
    broken = any(budget.unit == "ratio" and budget.status == "broken" for budget in verdict.budgets)
    note = f"of {record.load.offered:,} arrivals: failed, dropped or never finished"
    return Figure("errors", f"{bad:,}", note, "bad" if broken else "" if bad else "good")


def _lost(record: Record) -> Figure:
    if not record.ledger:
        return Figure("lost", "not known", "nothing was audited", "open")
    lost = sum(entry.lost for entry in record.ledger)
    acknowledged = sum(entry.acknowledged for entry in record.ledger)
    *others, last = (entry.name for entry in record.ledger)
    kinds = f"{', '.join(others)} and {last}" if others else last
    return Figure("lost", f"{lost:,}", f"of {acknowledged:,} acknowledged {kinds}", "bad" if lost else "good")


def list_budgets(verdict: Verdict) -> list[BudgetRow]:
    """The budgets, broken ones first, then the undecided."""
    return [_budget(each) for each in sorted(verdict.budgets, key=lambda budget: RANKS[budget.status])]


def _budget(budget: BudgetResult) -> BudgetRow:
    bar = charts.interval_bar(
        budget.observed,
        budget.low,
        budget.high,
        budget.limit,
        at_most=budget.side == "at most",
        tone=wording.TONES[budget.status],
    )
    return BudgetRow(
        name=wording.name_budget(budget.name),
        limit=wording.say_limit(budget),
        observed=quantity(budget.observed, budget.unit),
        interval=wording.say_interval(budget),
        bar="" if budget.observed is None and budget.low is None else bar,
        samples=f"{budget.samples:,}",
        status=budget.status,
        tone=wording.TONES[budget.status],
        reason=budget.reason,
    )


def list_requests(record: Record) -> list[RequestRow]:
    """Response and service times of each request."""
    return [_request(name, requests) for name, requests in record.requests.items()]


def _request(name: str, requests: Requests) -> RequestRow:
    longest, total = wording.longest(requests), requests.count + requests.censored - requests.timeouts
    response = wording.say_percentiles(requests.response_time_ms, total, longest, censored=requests.censored > 0)
    service = wording.say_percentiles(requests.service_time_ms, requests.count, None, censored=False)
    return RequestRow(name, f"{requests.count:,}", requests.failures, requests.censored, response, service)


def list_parts(record: Record) -> list[PartRow]:
    """CPU and memory by part, the busiest first."""
    values = {series.labels.get("groupname", ""): series.values for series in _panel(record, CPU_PANEL)}
    cpu = {part: [value for value in each if value is not None] for part, each in values.items()}
    highest = max((value for each in cpu.values() for value in each), default=1.0)
    parts = sorted(cpu.keys() | record.memory_mb.keys(), key=lambda part: (-_mean(cpu.get(part, [])), part))
    return [_part(part, cpu.get(part, []), record.memory_mb.get(part), highest) for part in parts]


def _part(part: str, cpu: list[float], memory_mb: float | None, highest: float) -> PartRow:
    return PartRow(
        name=part,
        cpu_mean=f"{_mean(cpu):.2f}" if cpu else "no data",
        cpu_max=f"{max(cpu):.2f}" if cpu else "no data",
        spark=charts.sparkline(cpu, highest) if cpu else "",
        memory="no data" if memory_mb is None else f"{memory_mb:,.0f}",
    )


def _panel(record: Record, panel: str) -> Iterable[Series]:
    return (series for data in record.panels if data.panel == panel for series in data.series)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0
