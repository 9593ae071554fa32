"""The run in Markdown, for a pull request's comment or a CI job's summary."""

from __future__ import annotations

from loadtests.record import Record, Verdict
from loadtests.report import search, tables, wording

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
        f"# {headline.icon} {headline.word}: {_safe(record.scenario.name)}",
        f"{headline.meaning} (exit status {verdict.exit_code})",
        _safe(verdict.reason),
        " · ".join(_safe(figure) for figure in figures),
        "## Budgets",
        _table(["", "budget", "limit", "observed", "95 % interval", "samples"], rows),
    ]
    if record.capacity:
        rows = search.list_steps(record.capacity)
        parts += ["## Capacity", *map(_safe, search.say_capacity(record.capacity)), _table(list(search.HEADS), rows)]
    if checks:
        parts += [
            "## Checks of the measurement that did not hold",
            _table(["check", "wanted", "was", "advice"], checks),
        ]
    if ledger:
        parts += ["## Ledger", _table(["", "attempted", "acknowledged", "stored", "lost", "phantom"], ledger)]
    if closed_warning := wording.warn_of_closed(record):
        parts.append(_safe(closed_warning))
    parts.append(
        f"{_safe(record.scenario.description)} {record.scenario.duration_s:g} s from {record.started_at} "
        f"against {_safe(record.target)}. The whole is in report.html, the data in record.json."
    )
    return "\n\n".join(parts) + "\n"


def _table(heads: list[str], rows: list[list[object]] | list[list[str]]) -> str:
    lines = [f"| {' | '.join(heads)} |", "|" + " --- |" * len(heads)]
    lines += [f"| {' | '.join(_safe(str(cell)) for cell in row)} |" for row in rows]
    return "\n".join(lines)


def _safe(text: str) -> str:
    return text.translate(UNSAFE)
