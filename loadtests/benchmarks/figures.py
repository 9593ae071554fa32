"""The figures that the READMEs quote, measured anew: start-up, whole benches, and what storage and priority do.

`python -m loadtests.benchmarks.figures` (or `make figures`) takes about half an hour on two cores; nothing else should
run on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
from likestorm import run
from likestorm.errors import LikestormError
from likestorm.results.record import document
from likestorm.scenario import Scenario
from likestorm.scenario.reading import load
from rich.console import Console, RenderableType
from rich.table import Table

from compose import local
from compose.layout import STORAGES, Storage
from compose.topology import DEFAULT_BASE_PORT, named

STARTS = 3
BENCHES = 3
LAG_S = 15.0
PAIRS = 3
STORAGE_PAIRS = 8
STORAGE_S = 30.0


def _start_up(base_port: int, _folder: Path) -> str:
    """Seconds from `python -m compose up` to a seeded stack that answers, warm."""
    seconds = []
    for _ in range(STARTS):
        began = time.monotonic()
        _call("compose", "up", "--base-port", str(base_port))
        seconds.append(time.monotonic() - began)
        _call("compose", "down")
    return (
        f"up, warm: {statistics.median(seconds):.1f} s (median of {STARTS}: {min(seconds):.1f} to {max(seconds):.1f})"
    )


def _benches(base_port: int, folder: Path) -> Table:
    """Whole benches in a row, as a person starts them; every one counts."""
    title = f"{BENCHES} benches in a row, scenario likes"
    columns = ("bench, s", "exit", "likes/s", "photos/s", "like p99 ms", "confirm p99 ms", "failed", "residual")
    table = Table(*columns, "lag p99 ms", "memory, MB", title=title, title_justify="left")
    for number in range(BENCHES):
        out = folder / f"bench-{number}"
        began = time.monotonic()
        status = _call("likestorm", "run", "likes", "--base-port", str(base_port), "--out", str(out), check=False)
        seconds = time.monotonic() - began
        saved = document.load(out / run.RECORD_FILE)
        table.add_row(
            f"{seconds:.0f}",
            f"{status}",
            f"{saved.arrivals['like'].load.completed / saved.scenario.duration_s:.1f}",
            f"{saved.arrivals['upload'].load.completed / saved.scenario.duration_s:.1f}",
            f"{saved.requests['like'].response_time_ms.p99}",
            f"{saved.requests['upload-confirm'].response_time_ms.p99}",
            f"{sum(request.failures for request in saved.requests.values())}",
            f"{sum(entry.residual for entry in saved.ledger)}",
            f"{saved.generator.dispatch_lag_ms.p99}",
            f"{sum(saved.memory_mb.values()):.0f}",
        )
    return table


def _storage(base_port: int, folder: Path) -> Table:
    """Like p99 with the stack's data in memory and on disk, a new stack each time, in turn (ABBA)."""
    title = f"like p99, ms, {STORAGE_PAIRS} pairs of {STORAGE_S:g} s in turn"
    table = Table("data in", "median", "all", title=title, title_justify="left")
    scenario = load("likes").scaled(duration_s=STORAGE_S)
    found: dict[Storage, list[float]] = {storage: [] for storage in STORAGES}
    for pair in range(STORAGE_PAIRS):
        for storage in STORAGES if pair % 2 else reversed(STORAGES):
            out = folder / f"storage-{pair}-{storage}"
            run.run(run.Options(_settled(scenario, base_port=base_port, storage=storage), out))
            p99 = document.load(out / run.RECORD_FILE).requests["like"].response_time_ms.p99
            if p99 is None:
                raise LikestormError(f"no like was answered: {out}")
            found[storage].append(p99)
    for storage, values in found.items():
        table.add_row(storage, f"{statistics.median(values):.1f}", ", ".join(f"{value:.1f}" for value in values))
    return table


def _lag(base_port: int, folder: Path) -> Table:
    """Dispatch lag with the generator at real-time and at ordinary priority, in turn on the same stack."""
    title = f"dispatch lag p99, ms, {PAIRS} pairs of runs in turn"
    table = Table("priority", "median", "all", title=title, title_justify="left")
    scenario = load("likes").scaled(duration_s=LAG_S)
    topology = named("small", base_port)
    lags: dict[bool, list[float]] = {True: [], False: []}
    with local.up(topology):
        for pair in range(PAIRS):
            for realtime in (True, False):
                out = folder / f"lag-{pair}-{realtime}"
                run.run(run.Options(_settled(scenario, base_port=base_port), out, realtime))
                generator = document.load(out / run.RECORD_FILE).generator
                if generator.dispatch_lag_ms.p99 is not None and generator.realtime is realtime:
                    lags[realtime].append(generator.dispatch_lag_ms.p99)
    for name, values in (("real-time", lags[True]), ("ordinary", lags[False])):
        median = f"{statistics.median(values):.2f}" if values else "not to be had by this user"
        table.add_row(name, median, ", ".join(f"{value:.2f}" for value in sorted(values)))
    return table


def _settled(scenario: Scenario, **settings: object) -> Scenario:
    """The scenario with other settings of the stack."""
    target = msgspec.structs.replace(scenario.target, settings=scenario.target.settings | settings)
    return msgspec.structs.replace(scenario, target=target)


def _call(*arguments: str, check: bool = True) -> int:
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, check=check, stdout=subprocess.DEVNULL).returncode


PARTS: Mapping[str, Callable[[int, Path], RenderableType]] = {
    "start": _start_up,
    "bench": _benches,
    "lag": _lag,
    "storage": _storage,
}


def main(arguments: list[str]) -> int:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.benchmarks.figures", description=__doc__)
    parser.add_argument("--base-port", type=int, default=DEFAULT_BASE_PORT)
    parser.add_argument("--only", choices=PARTS, help="one of the parts")
    options = parser.parse_args(arguments)
    console = Console()
    with tempfile.TemporaryDirectory(prefix="likestorm-figures-") as folder:
        for name, part in PARTS.items():
            if options.only in (None, name):
                console.print(part(options.base_port, Path(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
