"""How often `compare` raises a false alarm, and how often it finds a slowdown, with exact 95 % intervals.

`python -m loadtests.benchmarks.comparison` takes seconds: it resamples the recorded blocks (blocks.json, real runs of
one revision), whole stretches of four neighbours so that the machine's drift stays in them, names two of the four the
candidate as the tool itself would, and lets the tool's own code decide. A slowdown is put in by multiplying the
candidate's response times. The intervals are of the resampling: all of it rests on the blocks that there are.

The number of pairs is what the tool's own plan asks for, given the blocks.

`--live` adds two real comparisons of as many pairs: this revision with itself, and with a commit of it that sleeps in
every request for the wanted share of the measured median. `--record` makes blocks.json anew (ten minutes).
Exit status: 0 targets met, 1 not.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
from likestorm import run
from likestorm.arguments import count, positive
from likestorm.comparison import pilot_data, planning, saved
from likestorm.comparison.decision import ALLOWED, PRIMARY, conclude, judge
from likestorm.comparison.interleaved import Which, order
from likestorm.comparison.outcome_measures import OutcomeMeasure
from likestorm.comparison.pilot_data import PilotData
from likestorm.comparison.saved import CompareError
from likestorm.results.comparison import Status
from likestorm.results.comparison import name as name_endpoint
from likestorm.results.record import document
from likestorm.results.record.document import RecordError
from likestorm.results.record.verdict import EXIT_CODES
from likestorm.scenario import Scenario
from likestorm.scenario.reading import load
from likestorm.verdict import statistics
from rich.console import Console
from rich.table import Table

from compose import local
from compose.layout import STATE
from compose.topology import DEFAULT, DEFAULT_BASE_PORT, named
from loadtests.benchmarks import injected_slowdown

FILE = Path(__file__).with_name("blocks.json")

COMPARISONS = 1000
# Planned for more than the target, so that the interval of what is found can lie above it.
PLANNED_POWER = 0.98
SEED = 2011
SLOWDOWN = 0.20
ALARMS_MOST, POWER_LEAST = 0.05, 0.95
STRETCH = 4
RECORDED, WARM_UP_S, DURATION_S = 40, 2.0, 8.0


def resample(
    recorded: PilotData, chance: random.Random, pairs: int, slower: dict[str, float], wanted: Sequence[str]
) -> list[OutcomeMeasure]:
    """The endpoints of one comparison of so many pairs, drawn from the blocks.

    slower: by what the candidate's times of a request are multiplied.
    """
    sides = order(pairs, chance.randrange(2**32))
    starts = [chance.randrange(len(recorded.failures) - STRETCH + 1) for _ in range(0, len(sides), STRETCH)]
    drawn = [start + offset for start in starts for offset in range(STRETCH)][: len(sides)]
    found = [_endpoint("arrivals", None, recorded.failures, drawn, sides, 1.0)]
    for what in wanted:
        values = recorded.values[name_endpoint(what, PRIMARY)]
        found.append(_endpoint(what, PRIMARY, values, drawn, sides, slower.get(what, 1.0)))
    return found


def _endpoint(
    what: str,
    percentile: float | None,
    values: Sequence[float],
    drawn: Sequence[int],
    sides: Sequence[Which],
    factor: float,
) -> OutcomeMeasure:
    base = [values[block] for block, side in zip(drawn, sides, strict=True) if side == "base"]
    candidate = [values[block] * factor for block, side in zip(drawn, sides, strict=True) if side == "candidate"]
    return OutcomeMeasure(what, "failures" if percentile is None else "request", percentile, base, candidate)


def decide(found: Sequence[OutcomeMeasure], wanted: Sequence[str], allowed: float) -> Status:
    """What the tool says of them."""
    changes = judge(found, wanted, allowed)
    return conclude(changes, allowed, len(found[0].base), [])[0]


def rate(recorded: PilotData, pairs: int, slower: dict[str, float], wanted: Sequence[str], allowed: float) -> int:
    """In how many of COMPARISONS comparisons the tool finds a regression."""
    chance = random.Random(SEED)
    drawn = (resample(recorded, chance, pairs, slower, wanted) for _ in range(COMPARISONS))
    return sum(decide(found, wanted, allowed) == "regression" for found in drawn)


def plan(recorded: PilotData, wanted: Sequence[str]) -> int:
    """The number of pairs that the tool asks for; CompareError where none is enough."""
    pilot = planning.of_pilot_data(recorded, wanted, PRIMARY)
    if pilot is None:
        raise CompareError(f"the recorded blocks hold none of {', '.join(wanted)}")
    return planning.choose_pairs(pilot, ALLOWED, SLOWDOWN, PLANNED_POWER)


def resampled(recorded: PilotData, wanted: Sequence[str], pairs: int, console: Console) -> bool:
    """Print the rates, and say whether they meet the targets."""
    everything, one = dict.fromkeys(wanted, 1 + SLOWDOWN), {wanted[0]: 1 + SLOWDOWN}
    console.print(
        f"{len(recorded.failures)} blocks of {recorded.duration_s:g} s of {recorded.scenario} at "
        f"{recorded.rate_factor:.0%} ({recorded.revision}; {recorded.machine}), {COMPARISONS} times {pairs} pairs"
    )
    for what in wanted:
        values = recorded.values[name_endpoint(what, PRIMARY)]
        spread = pilot_data.spread(values)
        console.print(f"{what} p50: {min(values):.1f} to {max(values):.1f} ms, neighbours differ by {spread:.1%}")
    table = Table("put in", "--allow", "regression found", "95 % interval", "target", "met")
    met = True
    slowdown = f"{SLOWDOWN:.0%}"
    for put_in, slower, allowed in (
        ("nothing", {}, 0.0),
        ("nothing", {}, ALLOWED),
        (f"{slowdown}, every request", everything, ALLOWED),
        (f"{slowdown}, {wanted[0]} only", one, ALLOWED),
    ):
        found = statistics.of_ratio(rate(recorded, pairs, slower, wanted, allowed), COMPARISONS)
        low, high = found.low or 0.0, found.high or 0.0
        is_met = low >= POWER_LEAST if slower else high <= ALARMS_MOST
        met = met and is_met
        target = f"≥ {POWER_LEAST:.0%}" if slower else f"≤ {ALARMS_MOST:.0%}"
        table.add_row(
            put_in,
            f"{allowed:.0%}",
            f"{found.observed:.1%}",
            f"{low:.1%} to {high:.1%}",
            target,
            "yes" if is_met else "no",
        )
    console.print(table)
    return met


def _settled(scenario: Scenario, base_port: int, state: Path, *, keep: bool) -> Scenario:
    settings = scenario.target.settings | {"base_port": base_port, "state": str(state), "keep": keep}
    return msgspec.structs.replace(scenario, target=msgspec.structs.replace(scenario.target, settings=settings))


def record_blocks(number: int, factor: float, path: Path, base_port: int, state: Path, console: Console) -> None:
    """Run so many short blocks on one stack, seeded once, and keep the percentiles of those that were valid."""
    scenario = msgspec.structs.replace(load("likes").scaled(factor, DURATION_S), warm_up_s=WARM_UP_S)
    topology = named(DEFAULT, base_port)
    made, command = [], f"python -m loadtests.benchmarks.comparison --record {number} --rate {factor:g}"
    with local.up(topology, state=state), tempfile.TemporaryDirectory() as name:
        for block in range(number):
            out = Path(name) / f"{block:03d}"
            with contextlib.redirect_stdout(io.StringIO()):
                status = run.run(run.Options(_settled(scenario, base_port, state, keep=block > 0), out))
            found = document.load(out / run.RECORD_FILE)
            if status != EXIT_CODES["invalid"]:
                made.append(found)
                pilot_data.save(pilot_data.of_records(made, command), path)
            like = found.requests["like"].response_time_ms
            console.print(f"block {block + 1} of {number}: like p50 {like.p50} ms, p99 {like.p99} ms (status {status})")


def main(arguments: list[str]) -> int:
    """Resample; record or compare live where asked to."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.benchmarks.comparison",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--record", type=count, nargs="?", const=RECORDED, metavar="N", help=f"so many ({RECORDED})")
    parser.add_argument("--blocks", type=Path, default=FILE, metavar="FILE", help="recorded blocks (%(default)s)")
    parser.add_argument("--rate", type=positive, default=1.0, metavar="FACTOR", help="all recorded rates times this")
    parser.add_argument("--live", action="store_true", help="real comparisons as well")
    parser.add_argument(
        "--base-port", type=int, default=DEFAULT_BASE_PORT, help="first port of the stacks (%(default)s)"
    )
    parser.add_argument("--state", type=Path, default=STATE, help="folder of the recording's stack (%(default)s)")
    options = parser.parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 130, highlight=False)
    if options.record:
        record_blocks(options.record, options.rate, options.blocks, options.base_port, options.state.resolve(), console)
    try:
        recorded = pilot_data.load(options.blocks)
        wanted = saved.list_budgeted(load(recorded.scenario))
        pairs = plan(recorded, wanted)
    except (CompareError, RecordError) as error:
        console.print(error)
        return 1
    met = resampled(recorded, wanted, pairs, console)
    if options.live:
        met = injected_slowdown.compare_live(SLOWDOWN, pairs, recorded.rate_factor, options.base_port, console) and met
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
