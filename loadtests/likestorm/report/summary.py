"""The run in Markdown, for a pull request's comment or the summary of a CI job."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from likestorm.report import tables, wording
from likestorm.results.record import Record
from likestorm.results.record.verdict import BudgetResult, Verdict
from likestorm.units import quantity

UNSAFE = str.maketrans({"\\": "\\\\", "|": "\\|", "<": "&lt;", ">": "&gt;", "&": "&amp;", "`": "\\`", "\n": " "})


def render(record: Record, verdict: Verdict) -> str:
    """Verdict, key figures, budgets, checks that did not hold, and the ledger."""
    headline = wording.HEADLINES[verdict.status]
    figures = (f"**{figure.value}** {figure.label}" for figure in tables.list_figures(record, verdict))
    parts = [
        f"# {headline.icon} {headline.word}: {safe(record.scenario.name)}",
        f"{headline.meaning} (exit status {verdict.exit_code})",
        safe(verdict.reason),
        " · ".join(safe(figure) for figure in figures),
        "## Budgets",
        table(
            ["", "budget", "limit", "observed", "95 % interval", "samples"],
            [_budget(each) for each in tables.rank_budgets(verdict)],
        ),
    ]
    if record.capacity:
        said, rows = tables.say_capacity(record.capacity), tables.list_capacity(record.capacity)
        parts += ["## Capacity", *map(safe, said), table(tables.CAPACITY_HEADS, rows)]
    checks = [[c.check, c.limit, c.observed, c.advice] for c in verdict.validity if c.status in ("failed", "unknown")]
    if checks:
        parts += ["## Validity checks that did not hold", table(["check", "wanted", "was", "advice"], checks)]
    if record.ledger:
        rows = [[e.name, *map(str, (e.attempted, e.acknowledged, e.stored, e.lost, e.phantom))] for e in record.ledger]
        parts += ["## Ledger", table(["", "attempted", "acknowledged", "stored", "lost", "phantom"], rows)]
    if closed_warning := wording.warn_of_closed(record):
        parts.append(safe(closed_warning))
    parts.append(
        f"{safe(record.scenario.description)} {record.scenario.duration_s:g} s from {record.started_at} "
        f"against {safe(record.target)}. Charts and all tables are in report.html, the data in record.json."
    )
    return "\n\n".join(parts) + "\n"


def _budget(budget: BudgetResult) -> list[str]:
    icon = wording.ICONS[wording.TONES[budget.status]]
    seen = quantity(budget.observed, budget.unit)
    interval, limit = wording.say_interval(budget), wording.say_limit(budget)
    return [f"{icon} {budget.status}", budget.name, limit, seen, interval, f"{budget.samples:,}"]


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(heads)} |", "|" + " --- |" * len(heads)]
    lines += [f"| {' | '.join(safe(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines)


def safe(text: str) -> str:
    """Text that Markdown shows unchanged, also in a cell of a table."""
    return text.translate(UNSAFE)
