"""Output of a run: a live table on a terminal, plain lines elsewhere, and the verdict at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from likestorm.report import wording
from likestorm.results.progress import Progress
from likestorm.results.record import Record
from likestorm.results.record.verdict import Verdict
from likestorm.units import quantity

PLAIN_PERIOD_S = 10.0
STYLES = {
    "pass": "bold green", "breach": "bold red", "invalid": "bold magenta", "inconclusive": "bold yellow",
    "met": "green", "ok": "green", "broken": "red", "failed": "magenta", "unknown": "yellow", "noted": "dim",
}  # fmt: skip


class Screen:
    """Shows phases and progress: in place on a terminal, else as lines for a log."""

    def __init__(self, console: Console, live: Live | None) -> None:
        self._console = console
        self._live = live
        self._started = time.monotonic()
        self._printed = ("", 0.0)

    def phase(self, text: str) -> None:
        """Print the phase that begins now."""
        line = f"[{time.monotonic() - self._started:6.1f} s] {text}"
        self._console.print(line, markup=False, highlight=False)

    def progress(self, progress: Progress) -> None:
        """Show the state of the load."""
        if self._live:
            self._live.update(_table(progress))
            return
        phase, printed = self._printed
        now = time.monotonic()
        if progress.phase != phase or now - printed >= PLAIN_PERIOD_S:
            self._printed = (progress.phase, now)
            self.phase(_line(progress))

    def clear(self) -> None:
        """Remove the live table."""
        if self._live:
            self._live.update(Text())


@contextmanager
def screen() -> Iterator[Screen]:
    """A screen on standard output."""
    console = Console(file=sys.stdout, soft_wrap=not sys.stdout.isatty())
    if not console.is_terminal:
        yield Screen(console, None)
        return
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        yield Screen(console, live)


def show_verdict(record: Record, verdict: Verdict, report: Path) -> None:
    """Print the verdict with its budgets and checks, and the path of the report."""
    terminal = sys.stdout.isatty()
    console = Console(file=sys.stdout, width=None if terminal else 130)
    console.print(_budgets(verdict), _checks(verdict))
    load = record.load
    console.print(
        f"arrivals: {load.offered} offered = {load.completed} completed + {load.failed} failed + {load.dropped} dropped"
        f" + {load.unfinished} unfinished; at most {sum(record.memory_mb.values()):.0f} MB of memory",
        highlight=False,
    )
    if closed_warning := wording.warn_of_closed(record):
        console.print(closed_warning, soft_wrap=True, markup=False, highlight=False)
    console.print(Text(f"{verdict.status.upper()} (exit status {verdict.exit_code})", STYLES[verdict.status]))
    console.print(verdict.reason, soft_wrap=True, markup=False, highlight=False)
    console.print(f"report: {report}", soft_wrap=True, markup=False, highlight=False)


def say(lines: list[str]) -> None:
    """Print lines unchanged."""
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _table(progress: Progress) -> Group:
    table = Table(box=None, pad_edge=False)
    for column in ("arrivals", "offered/s", "achieved/s", "p50 ms", "p99 ms", "errors"):
        table.add_column(column, justify="left" if column == "arrivals" else "right")
    for name, rates in progress.rates.items():
        errors = Text(str(rates.errors), "red" if rates.errors else "")
        table.add_row(
            name, f"{rates.offered:.0f}", f"{rates.achieved:.0f}", _ms(rates.p50_ms), _ms(rates.p99_ms), errors
        )
    head = Text.assemble(
        (progress.phase, "bold"), f"  {progress.left_s:.0f} s left, {progress.busy} virtual users busy"
    )
    note = Text("p50 and p99 over 5 s, from the time at which an arrival was due", "dim")
    return Group(head, table, note)


def _line(progress: Progress) -> str:
    parts = [
        f"{name} {r.offered:.0f}/s → {r.achieved:.0f}/s p50 {_ms(r.p50_ms)} p99 {_ms(r.p99_ms)} ms errors {r.errors}"
        for name, r in progress.rates.items()
    ]
    return f"{progress.phase}, {progress.left_s:.0f} s left: " + "; ".join(parts)


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _budgets(verdict: Verdict) -> Table:
    table = Table(title="Budgets", title_justify="left", title_style="bold")
    for column in ("budget", "limit", "observed", "95 % interval", "samples", "status"):
        table.add_column(column, justify="left" if column in ("budget", "status") else "right")
    for b in verdict.budgets:
        seen, status = quantity(b.observed, b.unit), Text(b.status, STYLES.get(b.status, "yellow"))
        table.add_row(b.name, wording.say_limit(b), seen, wording.say_interval(b), str(b.samples), status)
    return table


def _checks(verdict: Verdict) -> Table:
    table = Table(
        "check",
        "limit",
        "observed",
        "status",
        title="Validity of the measurement",
        title_justify="left",
        title_style="bold",
    )
    for c in verdict.validity:
        table.add_row(c.check, c.limit, c.observed, Text(c.status, STYLES[c.status]))
    return table
