"""Are the reported percentiles true? `python -m loadtests.accuracy` (or `make accuracy`) measures it in four minutes.

A scripted server stalls at known moments and has known service times. With the seeded schedule they determine each
arrival's response time in an open model (for servers with a queue by Lindley's recursion), and so the percentiles of
the run. The table shows these percentiles, those that Likestorm reports, and those that stock Locust reports of the
same server (FastHttpUser, constant_throughput, its own statistics). No overhead is subtracted: the time that client,
loopback and server take by themselves is printed too.

Then it measures the dispatch lag of 2,000 arrivals/s on one process, and the throughput of one process beside stock
Locust's. The machine should be idle otherwise. Exit status 0 if every target is met, 1 if not, 2 for wrong usage.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from likestorm.generator.health import Machine, read_machine
from likestorm.generator.launcher import GeneratorError
from likestorm.results.histogram import nearest_rank
from rich.console import Console
from rich.table import Table

from loadtests.accuracy import drive, throughput
from loadtests.accuracy.cases import CASES, ERROR_LIMIT, FLOOR, PERCENTILES, STOCK_USER_RATE, Case, errors
from loadtests.accuracy.drive import Reported
from loadtests.accuracy.throughput import Pair

PARTS = ("percentiles", "lag", "throughput")
QUICK_PAIRS = 2


def main(arguments: list[str]) -> int:
    """Measure, print, and name the targets that were missed."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m loadtests.accuracy", description=__doc__, formatter_class=raw)
    parser.add_argument(
        "--quick", action="store_true", help="a short version of a minute: half the durations, fewer pairs"
    )
    parser.add_argument("--only", choices=PARTS, help="only this part")
    options = parser.parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 132)
    missed: list[str] = []
    began, machine = time.monotonic(), read_machine()
    try:
        with tempfile.TemporaryDirectory(prefix="likestorm-accuracy-") as folder:
            for name, part in (("percentiles", _percentiles), ("lag", _lag), ("throughput", _throughput)):
                if options.only in (None, name):
                    missed += part(Path(folder), console, quick=options.quick)
    except (GeneratorError, drive.DriveError) as error:
        console.print(f"likestorm: {error}", markup=False)
        return 1
    console.print(_meanwhile(machine, read_machine(), time.monotonic() - began))
    for line in missed:
        console.print(f"MISSED: {line}", markup=False)
    if not missed:
        console.print("every target is met")
    return 1 if missed else 0


def _percentiles(folder: Path, console: Console, *, quick: bool) -> list[str]:
    """Run every case with Likestorm and then with stock Locust."""
    columns = ("server and arrivals", "", "expected, ms", "Likestorm, ms", "error", "stock Locust, ms", "error")
    table = Table(*columns, title=f"Percentiles; target: error ≤ {ERROR_LIMIT:.0%}", title_justify="left")
    missed: list[str] = []
    late: list[float] = []
    for whole in CASES:
        case = whole.shortened() if quick else whole
        ours = drive.likestorm(case.load, case.behaviour, folder)
        stock = drive.stock_locust(case.stock_users, STOCK_USER_RATE, case.load.seconds, case.behaviour, folder)
        late += ours.log.late
        missed += _add(table, case, ours.reported, stock.reported)
    console.print(table)
    floor = drive.likestorm(FLOOR.load, FLOOR.behaviour, folder).reported.percentiles_ms
    shown = ", ".join(f"{_ms(value)} (p{p:g})" for p, value in zip(PERCENTILES, floor, strict=True))
    console.print(f"a server without delay: {shown} ms, which is what {FLOOR.name}")
    console.print(f"the server's own delay: its answers left late by {_spread(late)}\n")
    return missed


def _add(table: Table, case: Case, ours: Reported, stock: Reported) -> list[str]:
    """Add a row a percentile; returns the targets that were missed."""
    expected = case.expected_ms()
    missed = []
    load = case.load
    about = [
        *case.name.split("; "),
        f"{load.rate:g}/s {load.shape} for {load.seconds:g} s: {ours.count} of {len(load.due())} answered",
        f"stock: {case.stock_users} users, {STOCK_USER_RATE:g}/s each: {stock.count}",
    ]
    wrong, stock_wrong = errors(expected, ours.percentiles_ms), errors(expected, stock.percentiles_ms)
    for number, percentile in enumerate(PERCENTILES):
        error = wrong[number]
        table.add_row(
            about[number] if number < len(about) else "",
            f"p{percentile:g}",
            _ms(expected[number]),
            _ms(ours.percentiles_ms[number]),
            _percent(error),
            _ms(stock.percentiles_ms[number]),
            _percent(stock_wrong[number]),
            end_section=number == len(PERCENTILES) - 1,
        )
        if error is None or abs(error) > ERROR_LIMIT:
            missed.append(f"{case.name}: p{percentile:g} is off by {_percent(error)}, target {ERROR_LIMIT:.0%}")
    if ours.count - ours.failures != len(load.due()):
        missed.append(f"{case.name}: {ours.count - ours.failures} of {len(load.due())} arrivals were answered")
    return missed


def _lag(folder: Path, console: Console, *, quick: bool) -> list[str]:
    """Measure the dispatch lag of 2,000 arrivals a second on one process."""
    lag = throughput.lag(folder, throughput.RATE_S / 2 if quick else throughput.RATE_S)
    console.print(
        f"{throughput.RATE:g} arrivals/s on one process: {lag.completed} of {lag.offered} answered; dispatch lag p99 "
        f"{_ms(lag.own_p99_ms)} ms (target ≤ {throughput.LAG_LIMIT_MS:g} ms)"
    )
    console.print(
        f"as the server saw them arrive: {_ms(lag.seen_p50_ms)} ms (p50), {_ms(lag.seen_p99_ms)} ms (p99) after they "
        "were due, connecting, sending and the server's own reading included\n"
    )
    missed = []
    if lag.own_p99_ms is None or lag.own_p99_ms > throughput.LAG_LIMIT_MS:
        missed.append(f"dispatch lag p99 is {_ms(lag.own_p99_ms)} ms, target {throughput.LAG_LIMIT_MS:g} ms")
    if lag.completed != lag.offered:
        missed.append(f"{lag.completed} of {lag.offered} arrivals were answered at {throughput.RATE:g}/s")
    return missed


def _throughput(folder: Path, console: Console, *, quick: bool) -> list[str]:
    """Compare one process of each generator at its highest rate, in pairs."""
    count = QUICK_PAIRS if quick else throughput.PAIRS
    title = (
        f"Highest rate of one process with {throughput.USERS} users; {count} pairs, interleaved; "
        f"target: ratio ≥ {throughput.RATIO_LIMIT:g}"
    )
    columns = ("pair", "Likestorm, requests/s", "a CPU second", "stock, requests/s", "a CPU second", "ratio")
    table = Table(*columns, title=title, title_justify="left")
    found = throughput.pairs(folder, count)
    for number, pair in enumerate(found, 1):
        table.add_row(f"{number}", *_speeds(pair), f"{pair.ratio:.3f}")
    ratios = [pair.ratio for pair in found]
    median = statistics.median(ratios)
    rates = statistics.median(pair.ours.rate / pair.stock.rate for pair in found)
    table.add_row("median", "", "", "", "", f"{median:.3f} ({min(ratios):.3f} to {max(ratios):.3f})")
    console.print(table)
    console.print("ratio: of requests for each second of the generator's CPU time, as the server counted them")
    console.print(f"ratio of requests a second, which other load on the machine changes: median {rates:.3f}\n")
    return (
        []
        if median >= throughput.RATIO_LIMIT
        else [f"throughput ratio {median:.3f}, target {throughput.RATIO_LIMIT:g}"]
    )


def _meanwhile(first: Machine, last: Machine, seconds: float) -> str:
    """How busy the machine was; the waiting of this program is included."""
    waited = [last.waited_s[name] - before for name, before in first.waited_s.items() if name == "cpu"]
    shown = [f"something waited for a core for {100 * each / seconds:.0f} % of the time" for each in waited]
    stolen = (last.stolen_ticks - first.stolen_ticks) / max(1, last.ticks - first.ticks)
    shown.append(f"{stolen:.1%} of the CPU time was stolen")
    return f"the machine, {seconds:.0f} s: " + ", ".join(shown)


def _speeds(pair: Pair) -> list[str]:
    speeds = (pair.ours.rate, pair.ours.per_cpu_s, pair.stock.rate, pair.stock.per_cpu_s)
    return [f"{value:.0f}" for value in speeds]


def _spread(late: list[float]) -> str:
    ascending = sorted(late)
    shown = ((p, nearest_rank(ascending, p)) for p in (50, 99, 99.9))
    return ", ".join(f"{_ms(None if value is None else 1e3 * value)} ms (p{p:g})" for p, value in shown)


def _ms(value: float | None) -> str:
    return "?" if value is None else f"{value:.2f}" if value < 100 else f"{value:.1f}"


def _percent(error: float | None) -> str:
    return "?" if error is None else f"{error:+.2%}" if abs(error) < 0.1 else f"{error:+.0%}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
