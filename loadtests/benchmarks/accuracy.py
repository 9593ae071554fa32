"""How true the reported percentiles are, and what the generator costs beside stock Locust; see loadtests/accuracy."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

from loadtests.accuracy import drive, throughput
from loadtests.accuracy.cases import CASES, PERCENTILES, Case, errors
from loadtests.benchmarks.result import Figure, ratio


def figures() -> list[Figure]:
    """The worst error of all cases, the dispatch lag at 2,000 arrivals/s, and the ratio of throughputs."""
    with tempfile.TemporaryDirectory(prefix="likestorm-accuracy-") as name:
        folder = Path(name)
        wrong = [abs(error) for case in CASES for error in _errors(case, folder)]
        lag = throughput.lag(folder)
        pairs = throughput.pairs(folder, throughput.PAIRS)
    return [
        Figure("worst error of a percentile", f"{max(wrong):.1%}", f"{len(CASES)} cases, {len(PERCENTILES)} each"),
        Figure("dispatch lag p99 at 2,000 arrivals/s, one process", f"{lag.own_p99_ms or math.inf:.2f} ms", "one run"),
        ratio(
            "requests for a second of CPU, over stock Locust's",
            [(pair.stock.per_cpu_s, pair.ours.per_cpu_s) for pair in pairs],
        ),
    ]


def _errors(case: Case, folder: Path) -> list[float]:
    reported = drive.likestorm(case.load, case.behaviour, folder).reported.percentiles_ms
    return [math.inf if error is None else error for error in errors(case.expected_ms(), reported)]
