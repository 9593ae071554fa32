"""A comparison in Markdown, as HTML, and as tables for a terminal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from likestorm.attribution import label
from likestorm.files import write_whole
from likestorm.report import page, wording
from likestorm.report.summary import safe, table
from likestorm.results import comparison as results
from likestorm.results.comparison import Change, Comparison, Finding, Slower, Status

PAGE, SUMMARY = "comparison.html", "comparison.md"
WORDS: dict[Status, tuple[str, str, str]] = {
    "held": ("NO REGRESSION", "good", "bold green"),
    "regression": ("REGRESSION", "bad", "bold red"),
    "invalid": ("INVALID", "odd", "bold magenta"),
    "unclear": ("CANNOT TELL", "open", "bold yellow"),
}
"""The word of each status, its tone, and its style on a terminal."""
FINDINGS: dict[Finding, str] = {"held": "green", "worse": "red", "unclear": "yellow"}
HEADS = ("", "base", "candidate", "change (95 % interval)", "p", "detectable", "finding")
GREW = "Where slower requests spend more time"
LEAST_SHARE, MOST_TIERS = 0.1, 3
"""A sentence names up to MOST_TIERS tiers, each with at least this share of the growth."""


def write(comparison: Comparison, folder: Path) -> Path:
    """Write comparison.json, .html and .md into a folder, which is made; returns the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    results.save(comparison, folder / results.FILE)
    write_whole(folder / SUMMARY, render(comparison))
    write_whole(folder / PAGE, render_page(comparison))
    return folder / PAGE


def render(comparison: Comparison) -> str:
    """The comparison in Markdown, for a pull request's comment or the summary of a CI job."""
    parts = [
        f"# {WORDS[comparison.status][0]}: {safe(comparison.scenario)}",
        safe(comparison.reason) + f" (exit status {comparison.exit_code})",
        safe(_design(comparison)),
    ]
    if comparison.warnings:
        parts.append("\n".join(f"- Warning: {safe(each)}" for each in comparison.warnings))
    for title, changes in _groups(comparison):
        parts += [f"## {title}", table(HEADS, [_row(change) for change in changes])]
    if comparison.slower:
        parts += [f"## {GREW}", "\n".join(f"- {safe(say_slower(each))}" for each in comparison.slower)]
    parts.append(safe(_legend(comparison)))
    return "\n\n".join(parts) + "\n"


def render_page(comparison: Comparison) -> str:
    """The comparison as one HTML file that needs no other file."""
    word, tone, _ = WORDS[comparison.status]
    return page.template("comparison.html").render(
        comparison=comparison,
        word=word,
        tone=tone,
        icon=wording.ICONS[tone],
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
    slower = [f"{GREW}:", *map(say_slower, comparison.slower)] if comparison.slower else []
    warnings = [f"warning: {each}" for each in comparison.warnings]
    word, _, style = WORDS[comparison.status]
    for line in (*slower, _legend(comparison), _design(comparison), *warnings):
        console.print(line, soft_wrap=True, markup=False, highlight=False)
    console.print(Text(f"{word} (exit status {comparison.exit_code})", style))
    console.print(comparison.reason, soft_wrap=True, markup=False, highlight=False)


def _groups(comparison: Comparison) -> list[tuple[str, list[Change]]]:
    primary = "Outcome measures that decide" if comparison.pairs else "Outcome measures that would decide"
    groups = [
        (primary, [change for change in comparison.changes if change.primary]),
        ("For information, each on its own", [change for change in comparison.changes if not change.primary]),
    ]
    return [(title, changes) for title, changes in groups if changes]


def say_slower(slower: Slower) -> str:
    """Why a request became slower, with its tiers, such as `the database 3.2 → 13 ms (31 % → 62 % of the time)`."""
    whole = sum(tier.candidate_ms - tier.base_ms for tier in slower.tiers)
    grown = [tier for tier in slower.tiers if tier.candidate_ms - tier.base_ms >= LEAST_SHARE * whole]
    tiers = ", ".join(
        f"{label(tier.tier)} {tier.base_ms:.3g} → {tier.candidate_ms:.3g} ms "
        f"({100 * tier.base_share:.0f} % → {100 * tier.candidate_share:.0f} % of the time)"
        for tier in grown[:MOST_TIERS]
    )
    return f"{slower.name}: {slower.cause}; {tiers}".removesuffix("; ")


def _row(change: Change) -> list[str]:
    detectable = " / ".join(results.say_difference(change, each) for each in change.detectable)
    p = change.p_adjusted if change.primary else change.p
    return [
        change.name if change.kind != "arrival" else f"{change.name} (whole arrival)",
        results.say_value(change, change.base),
        results.say_value(change, change.candidate),
        results.say_interval(change),
        "" if p is None else f"{p:.3f}",
        "" if change.p is None else detectable,
        change.finding,
    ]


def _design(comparison: Comparison) -> str:
    base, candidate = comparison.revisions
    pairs = f"{comparison.pairs} interleaved pairs of runs" if comparison.pairs else "runs without pairs"
    return f"{comparison.scenario}: {candidate} (candidate) against {base} (base), {pairs}."


def _legend(comparison: Comparison) -> str:
    if not comparison.pairs:
        return "The intervals cover sampling within the runs only, not the drift of the machine between the runs."
    powers = " / ".join(results.say_share(power) for power in results.POWERS)
    allowed = results.say_share(comparison.allowed)
    return (
        f"p: one-sided, of the hypothesis 'at most {allowed} slower', adjusted by Holm for the measures that decide; "
        "0.025 or less is worse. Detectable: the smallest true change that "
        f"{comparison.pairs} pairs like these find, with {powers} power."
    )
