"""The run in Markdown, for a pull request's comment or a CI job's summary."""

from __future__ import annotations

from likestorm.report import search, tables, wording
from likestorm.results.record import Record
from likestorm.results.record.verdict import Verdict

UNSAFE = str.maketrans({"\\": "\\\\", "|": "\\|", "<": "&lt;", ">": "&gt;", "&": "&amp;", "`": "\\`", "\n": " "})


def render(record: Record, verdict: Verdict) -> str:
    """Verdict, key figures, budgets, failed checks and the ledger."""
    headline = wording.HEADLINES[verdict.status]
    figures = (f"**{figure.value}** {figure.label}" for figure in tables.list_figures(record, verdict))
    rows = [
        [f"{wording.ICONS[b.tone]} {b.status}", b.name, b.limit, b.observed, b.interval, b.samples]
        for b in tables.list_budgets(verdict)
    ]
    checks = [[c.check, c.limit, c.observed, c.advice] for c in verdict.validity if c.status in ("failed", "unknown")]
    ledger = [[e.name, e.attempted, e.acknowledged, e.stored, e.lost, e.phantom] for e in record.ledger]
    parts = [
        f"# {headline.icon} {headline.word}: {safe(record.scenario.name)}",
        f"{headline.meaning} (exit status {verdict.exit_code})",
        safe(verdict.reason),
        " · ".join(safe(figure) for figure in figures),
        "## Budgets",
        table(["", "budget", "limit", "observed", "95 % interval", "samples"], rows),
    ]
    if record.capacity:
        rows = search.list_steps(record.capacity)
        parts += ["## Capacity", *map(safe, search.say_capacity(record.capacity)), table(list(search.HEADS), rows)]
    if checks:
        parts += [
            "## Checks of the measurement that did not hold",
            table(["check", "wanted", "was", "advice"], checks),
        ]
    if ledger:
        parts += ["## Ledger", table(["", "attempted", "acknowledged", "stored", "lost", "phantom"], ledger)]
    if closed_warning := wording.warn_of_closed(record):
        parts.append(safe(closed_warning))
    parts.append(
        f"{safe(record.scenario.description)} {record.scenario.duration_s:g} s from {record.started_at} "
        f"against {safe(record.target)}. The whole is in report.html, the data in record.json."
    )
    return "\n\n".join(parts) + "\n"


def table(heads: list[str], rows: list[list[object]] | list[list[str]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(heads)} |", "|" + " --- |" * len(heads)]
    lines += [f"| {' | '.join(safe(str(cell)) for cell in row)} |" for row in rows]
    return "\n".join(lines)


def safe(text: str) -> str:
    """Text that Markdown shows as it is, in a cell too."""
    return text.translate(UNSAFE)
