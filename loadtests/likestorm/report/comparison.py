"""A comparison in Markdown, as HTML, and as tables for a terminal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from likestorm.attribution import label
from likestorm.comparison.regression_attribution import say_tiers
from likestorm.panels import charts
from likestorm.report import page, wording
from likestorm.report.summary import safe, table
from likestorm.results.comparison import (
    FILE,
    POWERS,
    Change,
    Comparison,
    Finding,
    Status,
    save,
    say_difference,
    say_interval,
    say_share,
    say_value,
)

PAGE, SUMMARY = "comparison.html", "comparison.md"
WORDS: dict[Status, str] = {
    "held": "NO REGRESSION", "regression": "REGRESSION", "invalid": "INVALID", "unclear": "CANNOT TELL",
}  # fmt: skip
STYLES: dict[Status, str] = {
    "held": "bold green", "regression": "bold red", "invalid": "bold magenta", "unclear": "bold yellow",
}  # fmt: skip
TONES: dict[Status, str] = {"held": "good", "regression": "bad", "invalid": "odd", "unclear": "open"}
FINDINGS: dict[Finding, str] = {"held": "green", "worse": "red", "unclear": "yellow"}
HEADS = ("", "base", "candidate", "change (95 % interval)", "p", "could have seen", "finding")
GREW = "Where what became slower takes longer"
DECIDING, WOULD_DECIDE, OTHERS = "What decides", "What would decide", "For information, each by itself"


def write(comparison: Comparison, folder: Path) -> Path:
    """Write comparison.json, .html and .md into a folder, which is made; returns the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    save(comparison, folder / FILE)
    (folder / SUMMARY).write_text(render(comparison), encoding="utf-8")
    page = folder / PAGE
    page.write_text(render_page(comparison), encoding="utf-8")
    return page


def render(comparison: Comparison) -> str:
    """The comparison in Markdown, for a pull request's comment or a CI job's summary."""
    parts = [
        f"# {WORDS[comparison.status]}: {safe(comparison.scenario)}",
        safe(comparison.reason) + f" (exit status {comparison.exit_code})",
        safe(_design(comparison)),
    ]
    if comparison.warnings:
        parts.append("\n".join(f"- Warning: {safe(each)}" for each in comparison.warnings))
    for title, changes in _groups(comparison):
        parts += [f"## {title}", table([*HEADS], [_row(change) for change in changes])]
    if comparison.slower:
        parts += [f"## {GREW}", "\n".join(f"- {safe(line)}" for line in _growth(comparison))]
    parts.append(safe(_legend(comparison)))
    return "\n\n".join(parts) + "\n"


def render_page(comparison: Comparison) -> str:
    """The comparison as one HTML file that needs nothing outside of it."""
    tone = TONES[comparison.status]
    return page.template("comparison.html").render(
        comparison=comparison,
        word=WORDS[comparison.status],
        tone=tone,
        icon=wording.ICONS[tone],
        chart_style=charts.STYLE,
        design=_design(comparison),
        heads=HEADS,
        groups=[(title, [_row(change) for change in changes]) for title, changes in _groups(comparison)],
        grew=GREW,
        label=label,
        legend=_legend(comparison),
    )


def show(comparison: Comparison, console: Console) -> None:
    """Print the comparison."""
    for title, changes in _groups(comparison):
        shown = Table(title=title, title_justify="left", title_style="bold")
        for column, head in enumerate(HEADS):
            shown.add_column(head, justify="right" if 0 < column < len(HEADS) - 1 else "left")
        for change in changes:
            *cells, finding = _row(change)
            shown.add_row(*cells, Text(finding, FINDINGS[change.finding] if comparison.pairs else ""))
        console.print(shown)
    for line in [f"{GREW}:", *_growth(comparison)] if comparison.slower else []:
        console.print(line, soft_wrap=True, markup=False, highlight=False)
    for line in (_legend(comparison), _design(comparison), *(f"warning: {each}" for each in comparison.warnings)):
        console.print(line, soft_wrap=True, markup=False, highlight=False)
    console.print(Text(f"{WORDS[comparison.status]} (exit status {comparison.exit_code})", STYLES[comparison.status]))
    console.print(comparison.reason, soft_wrap=True, markup=False, highlight=False)


def _groups(comparison: Comparison) -> list[tuple[str, list[Change]]]:
    deciding = [change for change in comparison.changes if change.primary]
    others = [change for change in comparison.changes if not change.primary]
    title = DECIDING if comparison.pairs else WOULD_DECIDE
    return [(title, changes) for title, changes in ((title, deciding), (OTHERS, others)) if changes]


def _growth(comparison: Comparison) -> list[str]:
    """A line a request that became slower."""
    return [f"{each.name}: {each.cause}; {say_tiers(each)}".removesuffix("; ") for each in comparison.slower]


def _row(change: Change) -> list[str]:
    seen = [say_difference(change, each) for each in change.detectable]
    p = change.p_adjusted if change.primary else change.p
    return [
        change.name if change.kind != "arrival" else f"{change.name} (whole arrival)",
        say_value(change, change.base),
        say_value(change, change.candidate),
        say_interval(change),
        "" if p is None else f"{p:.3f}",
        "" if change.p is None else " / ".join(seen),
        change.finding,
    ]


def _design(comparison: Comparison) -> str:
    base, candidate = comparison.revisions
    said = f"{comparison.pairs} pairs of runs in turn" if comparison.pairs else "not in pairs"
    return f"{comparison.scenario}: {candidate} (candidate) against {base} (base), {said}."


def _legend(comparison: Comparison) -> str:
    if not comparison.pairs:
        return "The intervals are of sampling within the runs alone; drift of the machine between them is not in them."
    powers = " / ".join(say_share(power) for power in POWERS)
    return (
        f"p: against 'at most {say_share(comparison.allowed)} slower', one-sided; of what decides adjusted by Holm; "
        f"worse from 0.025 down. Could have seen: the smallest true change that {comparison.pairs} pairs as these show "
        f"to be more than allowed, with {powers} power."
    )
