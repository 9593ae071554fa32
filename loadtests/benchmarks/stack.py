"""Figures of the whole stack: its start, benches in a row, and the generator's dispatch lag."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from likestorm.results.record import Record, document
from likestorm.run import RECORD_FILE

from loadtests.benchmarks.result import ROOT, BenchmarkError, Figure, median

STARTS, BENCHES, LAG_PAIRS = 3, 3, 3
LAG_S = 15
UNDECIDED, INVALID = 97, 98
VERDICTS = {0: "passed", 99: "broken", 98: "invalid", 97: "inconclusive"}


def start_up(base_port: int) -> list[Figure]:
    """Seconds until the stack is up and filled, for the small topology and the counts of 2011."""
    found = []
    for topology, starts in (("small", STARTS), ("2011", 1)):
        seconds = []
        for _ in range(starts):
            began = time.monotonic()
            call("compose", "up", "--topology", topology, "--base-port", f"{base_port}")
            seconds.append(time.monotonic() - began)
            call("compose", "down")
        found.append(median(f"topology `{topology}`", seconds, "s"))
    return found


def benches(base_port: int) -> list[Figure]:
    """Whole benches as a user starts them; figures are of the valid ones, as an invalid run measures nothing."""
    seconds, verdicts, records = [], [], []
    with tempfile.TemporaryDirectory(prefix="likestorm-figures-") as folder:
        for number in range(BENCHES):
            out, began = Path(folder) / f"{number}", time.monotonic()
            status = call("likestorm", "run", "likes", *_on(base_port), "--out", str(out), verdict=True)
            seconds.append(time.monotonic() - began)
            verdicts.append(VERDICTS[status])
            if status != INVALID:
                records.append(document.load(out / RECORD_FILE))
    if not records:
        raise BenchmarkError("every bench is invalid: see that nothing else runs on the machine")
    return [
        Figure("verdicts", ", ".join(verdicts), "all runs"),
        median("like p99", [_p99(record, "like") for record in records], "ms"),
        median("upload-confirm p99", [_p99(record, "upload-confirm") for record in records], "ms"),
        median("dispatch lag p99", [_lag_p99(record) for record in records], "ms", 2),
        Figure(
            "failed requests", f"{sum(each.failures for r in records for each in r.requests.values())}", "valid runs"
        ),
        Figure("lost and phantom effects", f"{sum(each.residual for r in records for each in r.ledger)}", "valid runs"),
        median("memory of all parts at most", [sum(record.memory_mb.values()) for record in records], "MB", 0),
        median("a whole bench", seconds, "s", 0),
    ]


def lag(base_port: int) -> list[Figure]:
    """Dispatch lag p99 with the generator at real-time and at ordinary priority."""
    lags: dict[bool, list[float]] = {True: [], False: []}
    call("compose", "up", "--base-port", f"{base_port}")
    try:
        with tempfile.TemporaryDirectory(prefix="likestorm-figures-") as folder:
            for pair in range(LAG_PAIRS):
                for realtime in (True, False):
                    out = Path(folder) / f"{pair}-{realtime}"
                    options = [] if realtime else ["--no-realtime"]
                    brief = ["--duration", f"{LAG_S}", "--out", str(out), *options]
                    call("likestorm", "run", "likes", *_on(base_port), *brief, verdict=True)
                    record = document.load(out / RECORD_FILE)
                    lags[record.generator.realtime].append(_lag_p99(record))
    finally:
        call("compose", "down")
    if not lags[True]:
        return [Figure("real-time priority", "not available to this user")]
    return [
        median("dispatch lag p99, real-time priority", lags[True], "ms", 2),
        median("dispatch lag p99, ordinary priority", lags[False], "ms", 2),
    ]


def call(*arguments: str, verdict: bool = False) -> int:
    """`python -m ARGUMENTS` in the checkout; BenchmarkError where it fails, except for a verdict that is allowed."""
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode and not (verdict and done.returncode >= UNDECIDED):
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise BenchmarkError(f"{' '.join(arguments[:2])} ended with status {done.returncode}: {' '.join(last)}")
    return done.returncode


def _on(base_port: int) -> list[str]:
    return ["--set", f"target.base_port={base_port}"]


def _p99(record: Record, request: str) -> float:
    value = record.requests[request].response_time_ms.p99
    return float("inf") if value is None else value


def _lag_p99(record: Record) -> float:
    value = record.generator.dispatch_lag_ms.p99
    return float("inf") if value is None else value
