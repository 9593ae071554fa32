"""The stack of HEAD against the stack of another commit: CPU time a like, and the highest rate of likes that holds.

`python -m loadtests.benchmarks.baseline` checks both commits out, boots the stack of each in turn by its own commands
(`python -m compose up`), and drives it with the Likestorm of this checkout: the same users, scenario and search for
both. CPU time is that of all processes below supervisord within the measured window, so the generator's is not in it.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar

import psutil
from likestorm.arguments import count, count_or_none
from likestorm.comparison.revisions import Checkout, checked_out
from likestorm.results.record import Record, document
from likestorm.results.running import Running
from likestorm.run import RECORD_FILE
from likestorm.targets.base import OnPhase
from msgspec import Struct

from compose.topology import DEFAULT_BASE_PORT
from loadtests.benchmarks.result import BenchmarkError, Figure, median, ratio
from loadtests.benchmarks.stack import call

COMMIT = "7ad72af"
PAIRS = 8
SEARCH = {"capacity.arrivals": "like", "arrivals.like.rate": "100", "duration_s": "15"}
PERIOD_S = 0.25
SCENARIO = Path(__file__).with_name("baseline.toml")
UP = re.compile(r"^up in [\d.]+ s: (?P<url>\S+).*^its data is in \w+: (?P<folder>[^\n]+)", re.MULTILINE | re.DOTALL)


class Address(Struct, frozen=True, forbid_unknown_fields=True):
    """A stack that is up: its address (a URL), and the manifest of its data."""

    address: str = ""
    manifest: str = ""


class BootedStack:
    """A stack of any commit that is up already, as a scenario's target: driven, but neither audited nor observed."""

    Settings: ClassVar[type[Struct]] = Address
    objectives: ClassVar[Path | None] = None

    def __init__(self, settings: Address, seed: int) -> None:
        del seed
        self._settings = settings

    @contextmanager
    def up(self, out: Path, on_phase: OnPhase) -> Iterator[Running]:
        """The stack as it is."""
        del out, on_phase
        running = Running(self._settings.address)
        running.data, running.is_reused = self._settings.manifest, True
        yield running

    def kept(self) -> AbstractContextManager[object]:
        """The stack, which stays up anyway."""
        return nullcontext()


@dataclass(frozen=True)
class Stack:
    """One commit's stack while it is up: the scenario's settings for it, and supervisord's pid."""

    settings: Mapping[str, str]
    supervisor: int

    def drive(self, out: Path, others: Mapping[str, str] | None = None) -> Record:
        """Run the scenario, with other settings, on it; its record."""
        settings = {**self.settings, **(others or {})}.items()
        options = [word for key, value in settings for word in ("--set", f"{key}={value}")]
        call("likestorm", "run", str(SCENARIO), *options, "--out", str(out), verdict=True)
        return document.load(out / RECORD_FILE)

    def cpu_s(self) -> float:
        """CPU seconds that all its processes have used so far, ended ones included."""
        root = psutil.Process(self.supervisor)
        used = 0.0
        for process in (root, *root.children(recursive=True)):
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue  # its parent has its time among that of its children
            used += times.user + times.system + times.children_user + times.children_system
        return used


@contextmanager
def booted(checkout: Checkout, base_port: int) -> Iterator[Stack]:
    """The checkout's stack, seeded, up for the length of the block."""
    compose = [str(checkout.python), "-m", "compose"]

    def act(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*compose, *arguments], cwd=checkout.folder, capture_output=True, text=True, check=False)

    done = act("up", "--base-port", str(base_port))
    try:
        told = UP.search(done.stdout)
        if done.returncode or not told:
            raise BenchmarkError(f"the stack of {checkout.name} does not start: {done.stderr.strip()}")
        folder = Path(told["folder"])
        settings = {"target.address": told["url"], "target.manifest": str(folder / "manifest.json")}
        yield Stack(settings, int((folder / "supervisor" / "pid").read_text()))
    finally:
        act("down")


def cpu_ms_a_like(stack: Stack, out: Path) -> float:
    """CPU time a completed like, in ms, of one run's window."""
    with sampled(stack.cpu_s) as samples:
        record = stack.drive(out)
    start, end = (datetime.fromisoformat(each).timestamp() for each in (record.started_at, record.finished_at))
    return 1e3 * (interpolate(samples, end) - interpolate(samples, start)) / record.arrivals["like"].load.completed


@contextmanager
def sampled(read: Callable[[], float]) -> Iterator[list[tuple[float, float]]]:
    """Pairs of a time (seconds since the epoch) and the value then, taken while the block lasts."""
    samples: list[tuple[float, float]] = []
    stop = threading.Event()

    def sample() -> None:
        while not stop.wait(PERIOD_S):
            samples.append((time.time(), read()))

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        stop.set()
        thread.join()


def interpolate(samples: Sequence[tuple[float, float]], moment: float) -> float:
    """The value at a moment between two samples; BenchmarkError outside of them."""
    after = bisect_left(samples, (moment, 0.0))
    if not 0 < after < len(samples):
        raise BenchmarkError("the stack's CPU time was not sampled for long enough")
    (begin, low), (end, high) = samples[after - 1], samples[after]
    return low + (high - low) * (moment - begin) / (end - begin)


def measure(base_port: int, pairs: int, *, search: bool) -> list[Figure]:
    """Boot and drive both stacks in turn: CPU time in pairs, then one search for the highest rate each."""
    found: list[tuple[float, float]] = []
    with (
        checked_out(COMMIT, "HEAD", lambda text: print(text, flush=True)) as sides,
        tempfile.TemporaryDirectory(prefix="likestorm-baseline-") as name,
    ):
        for number in range(pairs):
            taken: dict[str, float] = {}
            for side in sides[:: -1 if number % 2 else 1]:
                with booted(side, base_port) as stack:
                    taken[side.commit] = cpu_ms_a_like(stack, Path(name) / f"{number}-{side.folder.name}")
            found.append((taken[sides[0].commit], taken[sides[1].commit]))
            print(
                f"pair {number + 1}: {found[-1][0]:.3f} ms a like at {COMMIT}, {found[-1][1]:.3f} ms at HEAD",
                flush=True,
            )
        holds = [_search(side, base_port, Path(name)) for side in sides] if search else []
    return [*describe(found), *(_capacity(side.name, rate) for side, rate in zip(sides, holds, strict=False))]


def describe(found: Sequence[tuple[float, float]]) -> list[Figure]:
    """The medians of both sides, and the ratio of the pairs with its interval."""
    old, new = zip(*found, strict=True)
    return [
        median(f"CPU time a like of all processes at 400 likes/s, {COMMIT}", old, "ms", 3),
        median("CPU time a like of all processes at 400 likes/s, HEAD", new, "ms", 3),
        ratio(f"HEAD over {COMMIT}", found),
    ]


def _search(side: Checkout, base_port: int, folder: Path) -> float | None:
    with booted(side, base_port) as stack:
        found = stack.drive(folder / f"capacity-{side.folder.name}", SEARCH).capacity
    return found.holds if found else None


def _capacity(name: str, rate: float | None) -> Figure:
    value = "none" if rate is None else f"{rate:g}/s"
    return Figure(f"highest rate of likes that holds p99 ≤ 50 ms, {name}", value, "one search")


def figures(base_port: int) -> list[Figure]:
    """Everything, as BENCHMARKS.md has it."""
    return measure(base_port, PAIRS, search=True)


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.benchmarks.baseline", description=__doc__)
    parser.add_argument("--base-port", type=int, default=DEFAULT_BASE_PORT, help="first of the ports (%(default)s)")
    parser.add_argument("--pairs", type=count, default=PAIRS, help="how many (%(default)s)")
    parser.add_argument("--searches", type=count_or_none, default=1, help="0 leaves the searches out (%(default)s)")
    options = parser.parse_args(arguments)
    try:
        for figure in measure(options.base_port, options.pairs, search=bool(options.searches)):
            print(f"{figure.what}: {figure.value} ({figure.interval})")
    except BenchmarkError as error:
        print(f"baseline: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
