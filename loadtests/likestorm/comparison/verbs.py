"""The commands compare and compare-revisions."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from likestorm import run
from likestorm.arguments import change, count, positive, share
from likestorm.comparison import interleaved, pilot_data, planning, revisions, saved
from likestorm.comparison.decision import ALLOWED, FAILURES_ALLOWED, LEVEL, PRIMARY, compare
from likestorm.comparison.interleaved import Block
from likestorm.comparison.outcome_measures import PERCENTILES
from likestorm.comparison.planning import Pilot
from likestorm.comparison.saved import CompareError
from likestorm.interrupts import interruptible
from likestorm.report import comparison as page
from likestorm.results.comparison import Comparison
from likestorm.results.record import document
from likestorm.scenario import Scenario, reading

if TYPE_CHECKING:
    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]

PAIRS, DURATION_S, POWER = 10, 15.0, 0.9
RULE = f"""Primary outcome measures decide: the median (or --percentile) of each request with a latency budget, and the
share of arrivals that did not complete. Each measure is the change of the candidate over the base in pairs of runs that
are neighbours in time: Hodges-Lehmann estimate and 95 % interval of the logarithms of their ratios, by Wilcoxon's
signed-rank test.

exit status:
  99 regression: at least one measure rose by more than --allow (arrivals not completed: by more than
     {FAILURES_ALLOWED * 100:g} % of all), one-sided at {LEVEL * 100:g} %, adjusted by Holm for the number of measures
   0 no regression: the whole 95 % interval of each measure lies within the allowed change
  97 undecided: an interval contains the limit, a measure is missing on one side, there are fewer than six pairs, or the
     runs are not interleaved, so that drift of the machine looks like a change
  98 invalid: one of the runs is invalid
   2 wrong usage, or runs that are not comparable · 1 any other failure · 130 interrupted"""


def add(verbs: Verbs) -> None:
    """Add both commands to a command line."""
    raw = argparse.RawDescriptionHelpFormatter
    text = "compare saved runs: did the candidate become slower?"
    verb = verbs.add_parser("compare", help=text, epilog=RULE, formatter_class=raw)
    verb.add_argument("runs", nargs="*", type=Path, metavar="RUN", help="folder of a run: the base, then the candidate")
    verb.add_argument("--base", nargs="+", type=Path, metavar="RUN", default=[], help="several runs of the base")
    verb.add_argument(
        "--candidate", nargs="+", type=Path, metavar="RUN", default=[], help="the same number of runs of the candidate"
    )
    _add_common(verb)
    verb.set_defaults(act=_compare)
    text = "set up two revisions, run them interleaved and compare"
    verb = verbs.add_parser("compare-revisions", help=text, epilog=RULE, formatter_class=raw)
    verb.add_argument("base", help="a revision in git")
    verb.add_argument("candidate", help="another revision")
    verb.add_argument("--scenario", required=True, help="name or TOML file, for both")
    verb.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a scenario's key, as for run")
    verb.add_argument("--blocks", type=count, metavar="N", help=f"blocks of each side ({PAIRS}), on fresh targets")
    verb.add_argument("--duration", type=positive, default=DURATION_S, metavar="S", help="of a block (%(default)g s)")
    verb.add_argument("--rate", type=positive, metavar="FACTOR", help="multiplies all rates; calmer below saturation")
    verb.add_argument("--detect", type=change, metavar="X%", help="as many blocks as this slowdown needs")
    verb.add_argument("--power", type=share, default=POWER, metavar="P", help="of --detect, such as 0.9 or 90%% (0.9)")
    verb.add_argument("--pilot", type=Path, metavar="DIR", help="an earlier comparison, or pilot data, for the spread")
    verb.add_argument("--plan", action="store_true", help="print only the duration and the detectable change")
    _add_common(verb)
    verb.set_defaults(act=_compare_revisions)


def _add_common(verb: argparse.ArgumentParser) -> None:
    text = f"largest increase that is no regression ({ALLOWED:.0%}%)"
    verb.add_argument("--allow", type=share, default=ALLOWED, metavar="X%", help=text)
    percentiles = tuple(f"p{each:g}" for each in PERCENTILES)
    verb.add_argument("--percentile", choices=percentiles, default=f"p{PRIMARY:g}", help="that decides (%(default)s)")
    text = "folder for comparison.json, .html and .md (runs/TIME-compare-…)"
    verb.add_argument("--out", type=Path, metavar="DIR", help=text)


def _compare(options: argparse.Namespace) -> int:
    base, candidate = options.base, options.candidate
    if len(options.runs) == 2 and not base and not candidate:
        base, candidate = options.runs[:1], options.runs[1:]
    elif options.runs or not (base and candidate):
        raise CompareError("compare takes two runs, or --base RUN … --candidate RUN …")
    name = document.load(base[0] / run.RECORD_FILE if base[0].is_dir() else base[0]).scenario.name
    return _conclude(base, candidate, options, options.out or _folder(name)).exit_code


def _compare_revisions(options: argparse.Namespace) -> int:
    console = Console(file=sys.stdout, soft_wrap=True, highlight=False, markup=False)
    chosen = reading.load(options.scenario, options.set)
    path = reading.find(options.scenario).resolve()
    commits = revisions.resolve(options.base), revisions.resolve(options.candidate)
    pairs = _plan(options, chosen, console)
    if options.plan:
        return 0
    if not revisions.same_instrument(*commits):
        console.print("warning: the instrument differs between the revisions: each one uses its own")
    out = (options.out or _folder(chosen.name)).resolve()
    arguments = [str(path), "--duration", f"{options.duration:g}"]
    arguments += [text for setting in options.set for text in ("--set", setting)]
    arguments += ["--rate", f"{options.rate:g}"] if options.rate else []
    sides = interleaved.order(pairs, chosen.seed)
    progress = _Progress(console, len(sides))
    with interruptible() as ignore_interrupts:
        with revisions.checked_out(options.base, options.candidate, console.print) as checkouts:
            folders = interleaved.run(checkouts, sides, arguments, out / "blocks", progress, ignore_interrupts)
            ignore_interrupts()
    return _conclude(folders["base"], folders["candidate"], options, out).exit_code


def _plan(options: argparse.Namespace, chosen: Scenario, console: Console) -> int:
    """The number of pairs; prints what they can detect and how long they take."""
    pilot = _pilot(options, chosen)
    if options.detect is not None:
        if pilot is None:
            raise CompareError(f"--detect needs --pilot, blocks of the scenario {chosen.name}")
        pairs = planning.choose_pairs(pilot, options.allow, options.detect, options.power)
    else:
        pairs = options.blocks or PAIRS
    minutes = interleaved.seconds(pairs, chosen.warm_up_s, options.duration) / 60
    if pilot:
        console.print(planning.say_plan(pilot, pairs, options.allow, options.power, minutes))
    else:
        console.print(f"{pairs} pairs, about {minutes:.0f} min")
    return pairs


def _pilot(options: argparse.Namespace, chosen: Scenario) -> Pilot | None:
    if options.pilot is None:
        return None
    if options.pilot.is_dir():
        return planning.of_comparison(options.pilot)
    recorded = pilot_data.load(options.pilot)
    return planning.of_pilot_data(recorded, saved.list_budgeted(chosen), float(options.percentile[1:]))


class _Progress:
    """Prints each finished block and the remaining time."""

    def __init__(self, console: Console, blocks: int) -> None:
        self._console, self._blocks, self._began = console, blocks, time.monotonic()

    def __call__(self, block: Block, seconds: float) -> None:
        found = document.load(block.folder / run.RECORD_FILE)
        medians = ", ".join(f"{what} {made.response_time_ms.p50} ms" for what, made in found.requests.items())
        status = found.verdict.status if found.verdict else "not judged"
        left = (time.monotonic() - self._began) / block.number * (self._blocks - block.number) / 60
        self._console.print(
            f"block {block.number} of {self._blocks}, {block.side}, {seconds:.0f} s: p50 {medians} ({status}); "
            f"about {left:.0f} min left"
        )


def _conclude(base: Sequence[Path], candidate: Sequence[Path], options: argparse.Namespace, out: Path) -> Comparison:
    """Compare saved runs; show and save the result."""
    sides = saved.read(base), saved.read(candidate)
    saved.check_alike(*sides)
    found = compare(*sides, options.allow, float(options.percentile[1:]))
    terminal = sys.stdout.isatty()
    console = Console(file=sys.stdout, width=None if terminal else 150)
    written = page.write(found, out)
    page.show(found, console)
    console.print(f"saved: {written}", soft_wrap=True, markup=False, highlight=False)
    return found


def _folder(name: str) -> Path:
    return run.RUNS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-compare-{name}"
