"""The tables and key figures of reports, as rows of text."""

from __future__ import annotations

from dataclasses import dataclass

from likestorm.panels import charts
from likestorm.report import wording
from likestorm.results.record import Record
from likestorm.results.record.verdict import BudgetResult, Capacity, Estimate, Verdict
from likestorm.units import limit, number, quantity

RANKS = {"broken": 0, "inconclusive": 1, "met": 2}
FIGURED_ARRIVALS = 2
CAPACITY_HEADS = ("offered", "runs", "passed", "completed", "under way", "p99")


@dataclass(frozen=True)
class Figure:
    """A key figure of the first screen; `tone` is empty for a figure that is neither good nor bad."""

    label: str
    value: str
    note: str
    tone: str = ""


def list_figures(record: Record, verdict: Verdict) -> list[Figure]:
    """The achieved rates, the first latency budget, the number of errors, and the number of lost effects."""
    figures = [
        Figure(
            f"{name}: completed",
            quantity(each.load.completed / record.scenario.duration_s, "/s"),
            f"asked for: {wording.say_asked(each)}",
        )
        for name, each in list(record.arrivals.items())[:FIGURED_ARRIVALS]
    ]
    latency = next((budget for budget in verdict.budgets if budget.unit == "ms"), None)
    if latency:
        value = quantity(latency.observed, latency.unit)
        note = f"budget: {wording.say_limit(latency)}"
        figures.append(Figure(latency.name, value, note, wording.TONES[latency.status]))
    return [*figures, _errors(record, verdict), _lost(record)]


def _errors(record: Record, verdict: Verdict) -> Figure:
    bad = record.load.failed + record.load.dropped + record.load.unfinished
    broken = any(budget.unit == "ratio" and budget.status == "broken" for budget in verdict.budgets)
    note = f"of {record.load.offered:,} arrivals: failed, dropped or unfinished"
    return Figure("errors", f"{bad:,}", note, "bad" if broken else "" if bad else "good")


def _lost(record: Record) -> Figure:
    if not record.ledger:
        return Figure("lost", "not known", "the target has no audit", "open")
    lost = sum(entry.lost for entry in record.ledger)
    acknowledged = sum(entry.acknowledged for entry in record.ledger)
    *others, last = (entry.name for entry in record.ledger)
    kinds = f"{', '.join(others)} and {last}" if others else last
    return Figure("lost", f"{lost:,}", f"of {acknowledged:,} acknowledged {kinds}", "bad" if lost else "good")


def rank_budgets(verdict: Verdict) -> list[BudgetResult]:
    """The budgets: broken ones first, then inconclusive ones."""
    return sorted(verdict.budgets, key=lambda budget: RANKS[budget.status])


def draw_interval(budget: BudgetResult) -> str:
    """The 95 % interval against the limit as SVG; empty where nothing is known."""
    if budget.observed is None and budget.low is None:
        return ""
    return charts.interval_bar(
        budget.observed,
        budget.low,
        budget.high,
        budget.limit,
        at_most=budget.side == "at most",
        tone=wording.TONES[budget.status],
    )


def list_parts(record: Record) -> list[list[str]]:
    """Name, mean CPU, maximum CPU, maximum memory and sparkline of the CPU of each part, highest mean first."""
    cpu = {
        series.labels.get(panel.part, ""): [value for value in series.values if value is not None]
        for panel in record.panels
        if panel.part
        for series in panel.series
    }
    highest = max((value for each in cpu.values() for value in each), default=1.0)
    parts = sorted(cpu.keys() | record.memory_mb.keys(), key=lambda part: (-_mean(cpu.get(part, [])), part))
    return [[part, *_part(cpu.get(part, []), record.memory_mb.get(part), highest)] for part in parts]


def _part(cpu: list[float], memory_mb: float | None, highest: float) -> list[str]:
    memory = "no data" if memory_mb is None else f"{memory_mb:,.0f}"
    if not cpu:
        return ["no data", "no data", memory, ""]
    points = [(float(x), value) for x, value in enumerate(cpu)]
    return [f"{_mean(cpu):.2f}", f"{max(cpu):.2f}", memory, charts.spark(points, len(cpu) - 1, highest)]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def list_capacity(found: Capacity) -> list[list[str]]:
    """A row a rate, in ascending order: its runs, how many passed, and what each run completed."""
    rows = []
    for rate in sorted({step.rate for step in found.steps}):
        runs = [step for step in found.steps if step.rate == rate]
        rows.append(
            [
                limit(rate, "/s"),
                f"{len(runs)}",
                f"{sum(step.status == 'pass' for step in runs)}",
                ", ".join(number(step.throughput) for step in runs),
                ", ".join(number(step.concurrency) for step in runs),
                ", ".join(quantity(step.p99_ms, "ms") for step in runs),
            ]
        )
    return rows


def say_capacity(found: Capacity) -> list[str]:
    """The highest rate that holds, and the scalability law with its intervals, in sentences."""
    if found.holds is None:
        said = f"No rate of {found.arrivals} held: the lowest, {limit(found.steps[0].rate, '/s')}, did not."
    elif found.fails is None:
        said = f"{limit(found.holds, '/s')} of {found.arrivals} held; the search tried no higher rate."
    else:
        said = (
            f"The highest rate of {found.arrivals} that holds is {limit(found.holds, '/s')}: most of its runs passed. "
            f"Of {limit(found.fails, '/s')} most did not. These runs cannot decide the rates between the two."
        )
    law = found.law
    if law is None:
        return [said, "Too few steps were steady for a fit of the universal scalability law."]
    return [
        said,
        f"Universal scalability law X(N) = λN / (1 + σ(N−1) + κN(N−1)) through {law.points} runs, with 95 % intervals: "
        f"λ = {_estimate(law.rate, '/s')}, σ = {_estimate(law.contention)}, κ = {_estimate(law.coherency)}; "
        f"at most {_estimate(law.peak, '/s')} at any concurrency.",
    ]


def _estimate(estimate: Estimate, unit: str = "short") -> str:
    high = "no bound" if estimate.high is None else quantity(estimate.high, unit)
    return f"{quantity(estimate.value, unit)} ({quantity(estimate.low, unit)} to {high})"
