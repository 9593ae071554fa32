"""What observing costs: throughput and p99 of likes with the app's metrics on, against the same without them.

`python -m loadtests.benchmarks.observing` (or `make observing`). Both sides run in turn (ABBA, BAAB by lot) on one
stack; each block has fresh app instances, so that the luck of one process is not taken for a difference. With metrics
on they keep them and Prometheus scrapes them; off leaves out the metrics, the timers around requests and stores, and
the scrape. Server-Timing, which is for load tests, is off on both sides. In each block likes first come at a fixed rate
(open model, p99 from the intended start), then from 16 connections of wrk to saturation. What is printed is the
Hodges-Lehmann estimate of the change from pair to pair with its 95 % interval, and what it comes to in CPU time.

exit status: 0 both are shown to be at most 3 % worse, 99 one is shown to be worse by more, 97 cannot tell, 1 failed
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
from rich.console import Console
from rich.table import Table

from compose import local
from compose.errors import StackError
from compose.exporters.rq import Queues
from compose.layout import STATE
from compose.topology import DEFAULT, DEFAULT_BASE_PORT, named
from loadtests import swarm
from loadtests.arguments import count, positive
from loadtests.benchmarks import overhead
from loadtests.benchmarks.app_instances import Instances
from loadtests.benchmarks.overhead import OverheadError
from loadtests.comparison import paired
from loadtests.comparison.interleaved import Which, order
from loadtests.plan import Plan
from loadtests.scenario import Scenario, reading
from loadtests.swarm import SwarmError

ALLOWED = 0.03
PAIRS, SECONDS, RATE = 24, 15, 150.0
SEED, WARM_UP_S = 2011, 3.0
SIDES: Mapping[Which, str] = {"base": "off", "candidate": "on"}
QUIET_S = 60.0
POWER = 0.9
Finding = Literal["held", "worse", "unclear"]
STATUS: Mapping[Finding, int] = {"held": 0, "worse": 99, "unclear": 97}
FAILED_MAX = 0.001
"""Of the likes at the fixed rate: a p99 of what was answered says little where more was not."""
UNDER_WAY = frozenset({"queued", "started"})


class ObservingError(Exception):
    """The cost cannot be measured; the message says why."""


@dataclass(frozen=True)
class Block:
    """What one side did: likes a second at saturation, p99 of likes in ms at a fixed rate.

    app_us, watchers_us: CPU time a like at saturation of the app, and of Prometheus and the collectors together.
    """

    likes_per_s: float
    p99_ms: float
    app_us: float
    watchers_us: float

    @property
    def line(self) -> str:
        """For a person."""
        return (
            f"{self.likes_per_s:.0f} likes/s with {self.app_us:.0f} µs of CPU each in the app and "
            f"{self.watchers_us:.0f} in its watchers; paced, p99 {self.p99_ms:.1f} ms"
        )


@dataclass(frozen=True)
class Change:
    """How a figure changes when metrics are kept, as a share, with its 95 % interval; more is what is worse."""

    what: str
    estimate: float
    low: float
    high: float
    finding: Finding
    pairs_needed: int | None
    """How many would show that it is at most ALLOWED worse, were it not worse at all; None beyond what is counted."""

    @property
    def line(self) -> str:
        """For a person."""
        said = {"held": "at most 3 % worse", "worse": "more than 3 % worse", "unclear": "cannot tell"}[self.finding]
        needed = "more pairs than 64" if self.pairs_needed is None else f"{self.pairs_needed} pairs"
        advice = f"; {needed} would show that it is none" if self.finding == "unclear" else ""
        interval = f"{self.low:+.1%} to {self.high:+.1%}" if math.isfinite(self.high) else "no interval of so few pairs"
        return f"{self.what}: {self.estimate:+.1%} ({interval}): {said}{advice}"


def judge(off: Sequence[Block], on: Sequence[Block]) -> list[Change]:
    """The changes of throughput and of p99 from pairs of blocks that are neighbours in time."""
    return [
        _change("throughput", [math.log(b.likes_per_s / a.likes_per_s) for a, b in zip(off, on, strict=True)], -1),
        _change("p99", [math.log(b.p99_ms / a.p99_ms) for a, b in zip(off, on, strict=True)], 1),
    ]


def _change(what: str, logs: Sequence[float], worse: Literal[-1, 1]) -> Change:
    """worse: which way it gets worse, down or up."""
    shift = paired.of_pairs(logs)
    limit = abs(math.log1p(worse * ALLOWED))
    best, worst = sorted((worse * shift.low, worse * shift.high))
    finding: Finding = "held" if worst <= limit else "worse" if best > limit else "unclear"
    # To show a change of 0 to be below the limit takes as many pairs as to show one of the limit's size to be above 0.
    needed = paired.pairs_needed(shift.spread, 0.0, limit, POWER) if shift.spread else None
    return Change(what, math.expm1(shift.estimate), math.expm1(shift.low), math.expm1(shift.high), finding, needed)


def say_cpu(off: Sequence[Block], on: Sequence[Block], cores: int) -> str:
    """What metrics take of the CPU, which a busy machine blurs less than it does throughput; decides nothing."""
    whole = cores * 1e6 / statistics.median(block.likes_per_s for block in off)
    pairs = list(zip(off, on, strict=True))
    app = paired.of_pairs([b.app_us - a.app_us for a, b in pairs])
    watchers = paired.of_pairs([b.watchers_us - a.watchers_us for a, b in pairs])
    parts = (f"{shift.estimate:+.0f} µs ({shift.low:+.0f} to {shift.high:+.0f})" for shift in (app, watchers))
    share = (app.estimate + watchers.estimate) / whole
    return "CPU time a like: app {}, collectors and Prometheus {}; ".format(*parts) + (
        f"{share:+.1%} of the {whole:.0f} µs that one takes of {cores} cores"
    )


@dataclass(frozen=True)
class Bench:
    """How each block is made. seconds: of either half; rate: likes a second of the first. same: metrics on both sides,
    to see what the noise alone gives.
    """

    target: local.Target
    manifest: Path
    folder: Path
    seconds: int
    rate: float
    same: bool

    def block(self, instances: Instances, side: Which, number: int) -> Block:
        """One block, on fresh app instances."""
        self._await_quiet()
        with instances.serving({"LIKESTORM_SERVER_TIMING": "0"}, observed=self.same or side == "candidate"):
            p99 = self._paced(number)
            script = self.folder / "like.lua"
            script.write_text(overhead.like_script(json.loads(self.manifest.read_text()), number))
            before = instances.cpu_s()
            rate = overhead.drive(self.target.url, script, self.seconds)
            app_s, watchers_s = (later - earlier for earlier, later in zip(before, instances.cpu_s(), strict=True))
            likes = rate * self.seconds
            return Block(rate, p99, 1e6 * app_s / likes, 1e6 * watchers_s / likes)

    def _paced(self, number: int) -> float:
        """p99 in ms of likes at the fixed rate."""
        name = f"o{number:03d}"
        scenario = _likes(self.rate, self.seconds)
        files = str(self.folder / f"{name}.json"), str(self.folder / name)
        plan = Plan(scenario, name, f"{name}-{time.time()}", True, str(self.manifest), *files)
        log = self.folder / f"{name}.log"
        like = swarm.run(plan, self.target.url, log, lambda _pid: None, lambda _progress: None).requests["like"]
        p99 = like.response_time_ms.p99
        if p99 is None or like.failures > FAILED_MAX * like.count:
            raise ObservingError(f"block {number}: {like.failures} of {like.count} likes failed at {self.rate:g}/s")
        return p99

    def _await_quiet(self) -> None:
        """Until no job of the block before is left, which would be done at the expense of the next."""
        queues = Queues(self.target.environment["LIKESTORM_REDIS_URL"], self.target.topology.workers)
        deadline = time.monotonic() + QUIET_S
        try:
            while any(
                each.value and each.labels.get("status") in UNDER_WAY for family in queues() for each in family.samples
            ):
                if time.monotonic() > deadline:
                    raise ObservingError(f"jobs are left of the block before after {QUIET_S:g} s")
                time.sleep(0.2)
        finally:
            queues.close()


def _likes(rate: float, seconds: float) -> Scenario:
    """The scenario likes with nothing but likes."""
    whole = reading.load("likes")
    likes = {"like": msgspec.structs.replace(whole.arrivals["like"], rate=rate)}
    return msgspec.structs.replace(whole, arrivals=likes, warm_up_s=WARM_UP_S, duration_s=float(seconds))


def measure(options: argparse.Namespace, console: Console) -> list[Change]:
    """Run all blocks, say what each came to, and judge."""
    overhead.find_wrk()
    blocks: dict[Which, list[Block]] = {"base": [], "candidate": []}
    sides = order(options.pairs, SEED)
    with (
        local.up(named(DEFAULT, options.base_port), state=options.state.resolve()) as target,
        tempfile.TemporaryDirectory(prefix="likestorm-observing-") as folder,
    ):
        manifest = local.seed(target, users=overhead.USERS, photos_per_user=3, follows_per_user=20, seed=1)
        bench = Bench(target, manifest, Path(folder), options.seconds, options.rate, options.same)
        instances = Instances(target)
        for number, side in enumerate(sides, 1):
            made = bench.block(instances, side, number)
            blocks[side].append(made)
            console.print(f"block {number} of {len(sides)}, metrics {_name(side, options.same)}: {made.line}")
    console.print(_table(blocks, options.same))
    console.print(say_cpu(blocks["base"], blocks["candidate"], os.cpu_count() or 1))
    return judge(blocks["base"], blocks["candidate"])


def _name(side: Which, same: bool) -> str:
    return f"on ({side})" if same else SIDES[side]


def _table(blocks: Mapping[Which, Sequence[Block]], same: bool) -> Table:
    off, on = (_name(side, same) for side in SIDES)
    columns = ("pair", f"likes/s, {off}", on, "change", f"p99 ms, {off}", on, "change")
    table = Table(*columns, title="metrics off and on, in turn", title_justify="left")
    for number, (base, other) in enumerate(zip(blocks["base"], blocks["candidate"], strict=True), 1):
        table.add_row(
            f"{number}",
            f"{base.likes_per_s:.0f}", f"{other.likes_per_s:.0f}", f"{other.likes_per_s / base.likes_per_s - 1:+.1%}",
            f"{base.p99_ms:.1f}", f"{other.p99_ms:.1f}", f"{other.p99_ms / base.p99_ms - 1:+.1%}",
        )  # fmt: skip
    return table


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.benchmarks.observing",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--pairs", type=count, default=PAIRS, help="of blocks (%(default)s)")
    parser.add_argument("--seconds", type=count, default=SECONDS, help="of either half of a block (%(default)s)")
    parser.add_argument("--rate", type=positive, default=RATE, help="likes a second of the first half (%(default)g)")
    parser.add_argument("--same", action="store_true", help="metrics on both sides: what the noise alone gives")
    parser.add_argument("--base-port", type=int, default=DEFAULT_BASE_PORT, help="first of the ports (%(default)s)")
    parser.add_argument("--state", type=Path, default=STATE, help="where the stack keeps its files")
    options = parser.parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 130, highlight=False)
    try:
        changes = measure(options, console)
    except (ObservingError, OverheadError, StackError, SwarmError) as error:
        print(f"observing: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        return 130
    for change in changes:
        console.print(change.line)
    findings = {change.finding for change in changes}
    return STATUS["worse" if "worse" in findings else "unclear" if "unclear" in findings else "held"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
