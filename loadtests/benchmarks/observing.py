"""What observing costs: throughput and p99 of likes with the app's metrics on, against the same without them.

`python -m loadtests.benchmarks.observing` (or `make observing`). Every app instance of a stack holds the service twice,
with metrics and without, and changes sides at a switch, in short slices (ABBA, BAAB by lot): what drifts, what bursts
and what one process happens to be meets both alike. With metrics on, instances keep them and Prometheus scrapes them
once a second; off leaves out the metrics, the timers around requests and stores, and what there would be to scrape.
Server-Timing, which is for load tests, is off on both sides.

A round has fresh instances. In it 16 connections of wrk ask for likes to saturation, in slices of a tenth of a second;
then likes come at a fixed rate (open model, p99 from the intended start), and each second has one side. What is printed
is the Hodges-Lehmann estimate of the change from the pairs that the rounds make, with its 95 % interval, and what it
comes to in CPU time.

exit status: 0 both are shown to be at most 3 % worse, 99 one is shown to be worse by more, 97 cannot tell, 1 failed
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from likestorm.arguments import count, positive
from likestorm.comparison.interleaved import Which, order
from likestorm.generator import launcher
from likestorm.generator.launcher import GeneratorError
from likestorm.generator.plan import Plan, Progress
from likestorm.results.histogram import DIGITS, HIGHEST_US, LOWEST_US, Histogram
from likestorm.scenario import Scenario, reading
from rich.console import Console
from rich.table import Table

from compose import local
from compose.errors import StackError
from compose.layout import STATE
from compose.topology import DEFAULT, DEFAULT_BASE_PORT, named
from loadtests.benchmarks import overhead
from loadtests.benchmarks.app_instances import WATCHERS, Instances
from loadtests.benchmarks.observed import Change, Finding, Half, judge, say_cpu
from loadtests.benchmarks.overhead import OverheadError

ROUNDS, RATE = 14, 90.0
"""The story's rate. At 150/s and 300/s, of the same seconds dealt to two sides by lot, p99 differs by more, not less:
likes meet in the queue, and what slows one slows its neighbours."""
PACED_S, SATURATED_S = 250, 110
"""With 30 s of saturation a round, throughput differs by 2.5 % between rounds (standard deviation): 14 are too few."""
SLICE_S, SETTLE_S = 0.1, 0.02
"""How long a side is measured at saturation, and how long not before that, while the other answers its last likes."""
LATE_S = 0.02
"""So late after a second's beginning the side may change that is to have it."""
SEED, WARM_UP_S, READY_S = 2011, 3.0, 2.0
SIDES: Mapping[Which, str] = {"base": "off", "candidate": "on"}
STATUS: Mapping[Finding, int] = {"held": 0, "worse": 99, "unclear": 97}
FAILED_MAX = 0.001
"""Of the likes at the fixed rate: a p99 of what was done says little where more was not, failed or never answered."""


class ObservingError(Exception):
    """The cost cannot be measured; the message says why."""


class Turns:
    """Which side answers when, second by second; `serve` lets one answer.

    What a swarm tells of its progress comes at the beginning of each of its seconds, and then the side changes.
    """

    def __init__(
        self, sides: Sequence[Which], serve: Callable[[Which], None], clock: Callable[[], float] = time.time
    ) -> None:
        self._sides = sides
        self._serve = serve
        self._clock = clock
        self._window_start = math.inf
        self._changes: list[tuple[float, Which]] = []

    def follow(self, progress: Progress) -> None:
        """A second begins."""
        if progress.phase != "measure":
            return
        now = self._clock()
        self._window_start = min(self._window_start, now)
        second = round(now - self._window_start)
        if second < len(self._sides):
            self._serve(self._sides[second])
            self._changes.append((self._clock(), self._sides[second]))

    def side(self, start: float, end: float) -> Which | None:
        """Who answered between two moments, in seconds since 1970 and but for LATE_S; None for both or nobody."""
        ends = [began for began, _ in self._changes[1:]] + [math.inf]
        for (began, side), over in zip(self._changes, ends, strict=True):
            if began <= start + LATE_S and end <= over + LATE_S:
                return side
        return None


@dataclass
class _Effort:
    """Likes, the seconds in which they were done, and those of CPU time of the app and of the watchers."""

    likes: int = 0
    seconds: float = 0.0
    app_s: float = 0.0
    watchers_s: float = 0.0

    def note(self, instances: Instances) -> None:
        """Add a slice."""
        began, likes = time.monotonic(), instances.answered()
        app_s, watchers_s = instances.cpu_s(instances.names), instances.cpu_s(WATCHERS)
        time.sleep(SLICE_S)
        self.likes += instances.answered() - likes
        self.seconds += time.monotonic() - began
        self.app_s += instances.cpu_s(instances.names) - app_s
        self.watchers_s += instances.cpu_s(WATCHERS) - watchers_s


@dataclass(frozen=True)
class Bench:
    """How each round is made. paced_s, saturated_s: of both sides together. rate: likes a second while paced."""

    target: local.Target
    manifest: Path
    folder: Path
    paced_s: int
    saturated_s: int
    rate: float

    def round(self, instances: Instances, number: int) -> dict[Which, Half]:
        """Both sides in turn, on fresh app instances."""
        with instances.fresh({"LIKESTORM_SERVER_TIMING": "0"}):
            efforts = self._saturated(instances, number)
            p99 = self._paced(instances.serve, number)
        return {
            side: Half(
                done.likes / done.seconds, p99[side], 1e6 * done.app_s / done.likes, 1e6 * done.watchers_s / done.likes
            )
            for side, done in efforts.items()
        }

    def _paced(self, serve: Callable[[Which], None], number: int) -> dict[Which, float]:
        """p99 in ms of likes at the fixed rate, by side."""
        turns = Turns(order(math.ceil(self.paced_s / 2), SEED + number), serve)
        overhead.await_quiet(self.target)
        name = f"o{number:03d}"
        logs = self.folder / name
        scenario = _likes(self.rate, self.paced_s)
        plan = Plan(
            scenario, name, f"{name}-{time.time()}", True, str(self.manifest), str(self.folder / f"{name}.json"),
            str(logs),
        )  # fmt: skip
        log = self.folder / f"{name}.log"
        load = launcher.run(plan, self.target.url, log, lambda _pid: None, turns.follow).arrivals["like"].load
        missing = load.offered - load.completed
        if missing > FAILED_MAX * load.offered:
            raise ObservingError(f"round {number}: {missing} of {load.offered} likes were not done at {self.rate:g}/s")
        p99 = _p99(logs / "like.hlog", turns)
        if p99.keys() != SIDES.keys():
            raise ObservingError(f"round {number}: of the {self.paced_s} paced seconds one side has none to itself")
        return p99

    def _saturated(self, instances: Instances, number: int) -> dict[Which, _Effort]:
        """What each side does when it is asked for as much as it can do; both have worked for READY_S before."""
        pairs = math.ceil(self.saturated_s / (SETTLE_S + SLICE_S) / 2)
        efforts: dict[Which, _Effort] = {side: _Effort() for side in SIDES}
        script = self.folder / "like.lua"
        script.write_text(overhead.like_script(json.loads(self.manifest.read_text()), number))
        overhead.await_quiet(self.target)
        wrk = overhead.start(self.target.url, script, math.ceil(2 * (2 * READY_S + self.saturated_s)))
        try:
            for side in SIDES:
                instances.serve(side)
                time.sleep(READY_S)
            for side in order(pairs, SEED - number):
                instances.serve(side)
                time.sleep(SETTLE_S)
                efforts[side].note(instances)
            if wrk.poll() is not None:
                raise ObservingError(f"round {number}: wrk ended before it was told to")
        finally:
            wrk.send_signal(signal.SIGINT)
            overhead.rate(wrk)
        return efforts


def _p99(log: Path, turns: Turns) -> dict[Which, float]:
    """By side, in ms, over all seconds that belong to it."""
    wholes: dict[Which, Histogram] = {}
    reader = HistogramLogReader(str(log), HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS))
    try:
        while second := reader.get_next_interval_histogram():
            side = turns.side(second.get_start_time_stamp() / 1e3, second.get_end_time_stamp() / 1e3)
            if side:
                wholes.setdefault(side, Histogram()).add(Histogram(second))
    finally:
        reader.close()
    p99 = {side: whole.percentile(99) for side, whole in wholes.items()}
    return {side: value for side, value in p99.items() if value is not None}


def _likes(rate: float, seconds: float) -> Scenario:
    """The scenario likes with nothing but likes."""
    whole = reading.load("likes")
    likes = {"like": msgspec.structs.replace(whole.arrivals["like"], rate=rate)}
    return msgspec.structs.replace(whole, arrivals=likes, warm_up_s=WARM_UP_S, duration_s=float(seconds))


def measure(options: argparse.Namespace, console: Console) -> list[Change]:
    """Run all blocks, say what each came to, and judge."""
    overhead.find_wrk()
    halves: dict[Which, list[Half]] = {"base": [], "candidate": []}
    with (
        local.up(named(DEFAULT, options.base_port), state=options.state.resolve()) as target,
        tempfile.TemporaryDirectory(prefix="likestorm-observing-") as folder,
    ):
        manifest = local.seed(target, users=overhead.USERS, photos_per_user=3, follows_per_user=20, seed=1)
        bench = Bench(target, manifest, Path(folder), options.paced, options.saturated, options.rate)
        instances = Instances(target, same=options.same)
        for number in range(1, options.rounds + 1):
            for side, made in bench.round(instances, number).items():
                halves[side].append(made)
                name = _name(side, options.same)
                console.print(f"round {number} of {options.rounds}, metrics {name}: {made.line}")
    console.print(_table(halves, options.same))
    console.print(say_cpu(halves["base"], halves["candidate"], os.cpu_count() or 1))
    return judge(halves["base"], halves["candidate"])


def _name(side: Which, same: bool) -> str:
    return f"on ({side})" if same else SIDES[side]


def _table(halves: Mapping[Which, Sequence[Half]], same: bool) -> Table:
    off, on = (_name(side, same) for side in SIDES)
    columns = ("round", f"likes/s, {off}", on, "change", f"p99 ms, {off}", on, "change")
    table = Table(*columns, title="metrics off and on, in turn", title_justify="left")
    for number, (base, other) in enumerate(zip(halves["base"], halves["candidate"], strict=True), 1):
        table.add_row(
            f"{number}",
            f"{base.likes_per_s:.0f}", f"{other.likes_per_s:.0f}", f"{other.likes_per_s / base.likes_per_s - 1:+.1%}",
            f"{base.p99_ms:.2f}", f"{other.p99_ms:.2f}", f"{other.p99_ms / base.p99_ms - 1:+.1%}",
        )  # fmt: skip
    return table


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.benchmarks.observing",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=count, default=ROUNDS, help="of both sides in turn (%(default)s)")
    for name, default in (("--paced", PACED_S), ("--saturated", SATURATED_S)):
        parser.add_argument(name, type=count, default=default, metavar="S", help="seconds of each round (%(default)s)")
    parser.add_argument("--rate", type=positive, default=RATE, help="likes a second while paced (%(default)g)")
    parser.add_argument("--same", action="store_true", help="metrics on both sides: what the noise alone gives")
    parser.add_argument("--base-port", type=int, default=DEFAULT_BASE_PORT, help="first of the ports (%(default)s)")
    parser.add_argument("--state", type=Path, default=STATE, help="where the stack keeps its files")
    options = parser.parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 130, highlight=False)
    try:
        changes = measure(options, console)
    except (ObservingError, OverheadError, StackError, GeneratorError) as error:
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
