"""The figures of BENCHMARKS.md.

`python -m loadtests.benchmarks.figures` (or `make figures`) measures all of them one after the other and writes the
page; --only NAME measures one, --page only writes the page from the results of before. Nothing else should run on the
machine meanwhile. A benchmark that fails keeps its earlier result, and the exit status is then 1.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

from likestorm.errors import LikestormError

from compose.errors import StackError
from compose.topology import DEFAULT_BASE_PORT
from loadtests.accuracy.drive import DriveError
from loadtests.benchmarks import accuracy, baseline, cost, overhead, package, result, stack, stall_plot
from loadtests.benchmarks.result import BenchmarkError, Figure


@dataclass(frozen=True)
class Benchmark:
    """Its title, and what measures it on a stack whose first port is given."""

    title: str
    measure: Callable[[int], list[Figure]]


BENCHMARKS = {
    "bench": Benchmark("Benches of the scenario `likes`, one after the other", stack.benches),
    "start": Benchmark("From `compose up` to a stack that is filled and answers, warm", stack.start_up),
    "package": Benchmark("The installed package in a fresh virtual environment", lambda _port: package.figures()),
    "stall": Benchmark("A stall of 2 s, three accounts of it", lambda _port: stall_plot.figures()),
    "accuracy": Benchmark("Reported percentiles against their true values", lambda _port: accuracy.figures()),
    "lag": Benchmark("Dispatch lag by the generator's priority, in turn on one stack", stack.lag),
    "baseline": Benchmark(f"CPU time a like and capacity against commit {baseline.COMMIT}, in turn", baseline.figures),
    "metrics": Benchmark("What the service's metrics cost, in turn", cost.figures),
    "overhead": Benchmark("A like beside a bare Flask route with one INSERT", overhead.figures),
}
EARLIER = "earlier"
"""The result that holds figures of earlier commits, which nothing measures anew."""


def main(arguments: list[str]) -> int:
    """Measure and write the page; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.benchmarks.figures", description=__doc__)
    parser.add_argument("--base-port", type=int, default=DEFAULT_BASE_PORT, help="first of the ports (%(default)s)")
    parser.add_argument("--only", choices=BENCHMARKS, action="append", help="one benchmark; may be repeated")
    parser.add_argument("--page", action="store_true", help="measure nothing")
    options = parser.parse_args(arguments)
    names = [] if options.page else options.only or list(BENCHMARKS)
    _write_page()
    failed = [name for name in names if not _measure(name, options.base_port)]
    return 1 if failed else 0


def _write_page() -> None:
    kept = (result.load(name) for name in (*BENCHMARKS, EARLIER))
    result.PAGE.write_text(result.page(each for each in kept if each))


def _measure(name: str, base_port: int) -> bool:
    """Measure one benchmark and save its result; False, with a line that says why, where it failed."""
    load = os.getloadavg()[0]
    print(f"{name}: {BENCHMARKS[name].title}", flush=True)
    try:
        found = BENCHMARKS[name].measure(base_port)
    except (BenchmarkError, DriveError, LikestormError, StackError, overhead.OverheadError) as error:
        print(f"figures: {name}: {error}", file=sys.stderr)
        return False
    for figure in found:
        print(f"  {figure.what}: {figure.value} ({figure.interval})", flush=True)
    result.save(name, result.measured(BENCHMARKS[name].title, name, found, load))
    _write_page()
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
