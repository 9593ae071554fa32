"""What a benchmark leaves: one JSON file in results/, from which BENCHMARKS.md is made."""

from __future__ import annotations

import math
import os
import platform
import statistics
import subprocess
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psutil
from likestorm.comparison import paired
from msgspec import Struct

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).with_name("results")
PAGE = ROOT / "BENCHMARKS.md"
WRITTEN = ("BENCHMARKS.md", "loadtests/benchmarks/results", "loadtests/benchmarks/stall.svg")
"""What benchmarks write."""
HEAD = """# Benchmarks

`make figures` measures all of these and writes this page from `loadtests/benchmarks/results/`;
`.venv/bin/python -m loadtests.benchmarks.figures --only NAME` measures one and leaves the others as they are.
An interval is a 95 % interval unless the figure says otherwise. A load average far above zero at the start means that
other programs used the machine too: CPU times then bear a comparison, latencies do not.
"""


class BenchmarkError(Exception):
    """A benchmark cannot be made; the message says why."""


class Figure(Struct, frozen=True):
    """One line of a table: what was measured, its value with its unit, and its interval or range."""

    what: str
    value: str
    interval: str = ""


class Result(Struct, frozen=True):
    """A benchmark's figures, and how they came about. date: UTC. load: the load average when it began."""

    title: str
    command: str
    date: str
    machine: str
    revision: str
    figures: list[Figure]
    load: float | None = None


def measured(title: str, name: str, figures: list[Figure], load: float) -> Result:
    """Figures of this machine and this revision, measured now."""
    command = f"python -m loadtests.benchmarks.figures --only {name}"
    return Result(title, command, f"{datetime.now(UTC):%Y-%m-%d}", machine(), revision(), figures, load)


def machine() -> str:
    """The cores, memory and system of this machine."""
    model = next((line.split(": ")[1] for line in _read("/proc/cpuinfo") if line.startswith("model name")), "")
    memory = psutil.virtual_memory().total / 2**30
    system = next((line.split('"')[1] for line in _read("/etc/os-release") if line.startswith("PRETTY_NAME")), "Linux")
    return f"{os.cpu_count()} cores ({model or platform.machine()}), {memory:.0f} GiB, {system}"


def revision() -> str:
    """The commit that is checked out, with a + where tracked files, results excepted, differ from it."""
    commit = _git("rev-parse", "--short=7", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", *(f":!{path}" for path in WRITTEN))
    return commit + ("+" if changed else "")


def save(name: str, result: Result) -> None:
    """Write results/NAME.json."""
    (RESULTS / f"{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")


def load(name: str) -> Result | None:
    """What results/NAME.json holds; None without the file."""
    path = RESULTS / f"{name}.json"
    return msgspec.json.decode(path.read_bytes(), type=Result) if path.exists() else None


def page(results: Iterable[Result]) -> str:
    """BENCHMARKS.md with one section a result."""
    return "\n".join([HEAD, *(_section(result) for result in results)])


def median(what: str, values: Sequence[float], unit: str, digits: int = 1) -> Figure:
    """The median of several runs, with their range."""
    low, high = min(values), max(values)
    spread = f"{low:.{digits}f} to {high:.{digits}f}, {len(values)} runs" if len(values) > 1 else "one run"
    return Figure(what, f"{statistics.median(values):.{digits}f} {unit}".strip(), spread)


def ratio(what: str, pairs: Sequence[tuple[float, float]]) -> Figure:
    """The second over the first of each pair: the Hodges-Lehmann estimate and its 95 % interval."""
    shift = paired.of_pairs([math.log(second / first) for first, second in pairs])
    interval = f"{math.exp(shift.low):.3f} to {math.exp(shift.high):.3f}" if math.isfinite(shift.high) else "none"
    return Figure(what, f"{math.exp(shift.estimate):.3f}", f"{interval}, {len(pairs)} pairs in turn")


def _section(result: Result) -> str:
    busy = "" if result.load is None else f", load average {result.load:.1f} at the start"
    how = f"{result.date}, commit {result.revision}, {result.machine}{busy}: `{result.command}`"
    rows = [f"| {each.what} | {each.value} | {each.interval} |" for each in result.figures]
    return "\n".join(
        [f"## {result.title}", "", how, "", "| what | figure | interval |", "| --- | --- | --- |", *rows, ""]
    )


def _read(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def _git(*arguments: str) -> str:
    return subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True, check=True).stdout.strip()
