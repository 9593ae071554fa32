"""The CPU time that a like takes, by part of the stack.

`python -m loadtests.benchmarks.cost` boots a stack, drives likes with wrk from a few connections that pause at random,
and divides the CPU time of all processes by the number of likes. A busy machine changes CPU time much less than latency
and rate. Scrapes and health checks are included, and weigh more at a lower rate.

With --metrics it boots the stack several times in turn, with and without the service's metrics (LIKESTORM_METRICS), and
prints what metrics cost: the ratio of the pairs with its 95 % interval. Server-Timing is off on both sides.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from likestorm.arguments import count, positive
from rich.console import Console
from rich.table import Table

from compose import local
from compose.errors import StackError
from compose.exporters.processes import Processes
from compose.layout import find
from compose.local import Target
from compose.topology import DEFAULT, DEFAULT_BASE_PORT, Topology, named
from loadtests.benchmarks import overhead
from loadtests.benchmarks.overhead import OverheadError
from loadtests.benchmarks.result import Figure, median, ratio

RATE, SECONDS, WARM_UP_S, PAIRS = 450.0, 20, 5, 8
PAUSES = """
function delay() return math.floor(-math.log(1 - math.random()) * %f) end
"""
CPU = "namedprocess_namegroup_cpu_seconds"
PARTS = {
    "app servers": ("app",),
    "PostgreSQL and its replicas": ("postgres",),
    "balancer and nginx": ("front", "nginx"),
    "push worker and its fake": ("worker-push", "fakes"),
    "watching": ("prometheus", "alertmanager", "collectors", "exporter"),
    "Redis": ("redis",),
    "PgBouncer": ("pgbouncer",),
    "memcached": ("memcached",),
}
REST = "all else"
METRICS_OFF, METRICS_ON = "0", "1"


def share_out(used: Mapping[str, float], likes: float) -> dict[str, float]:
    """CPU time a like in ms, by kind of part; `used`: seconds by the part's name."""
    shared = dict.fromkeys((*PARTS, REST), 0.0)
    for name, seconds in used.items():
        kind = next((kind for kind, stems in PARTS.items() if name.startswith(stems)), REST)
        shared[kind] += 1e3 * seconds / likes
    return shared


def measure(target: Target, rate: float, seconds: int) -> tuple[float, dict[str, float]]:
    """Likes a second, and the CPU time a like in ms by kind of part."""
    manifest = json.loads(
        local.seed(target, users=overhead.USERS, photos_per_user=3, follows_per_user=20, seed=1).read_text()
    )
    processes = Processes(find(target.state_dir).supervisor_pid, target.pids)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "like.lua"
        mean_ms = 1e3 * overhead.CONNECTIONS / rate
        script.write_text(overhead.like_script(manifest, 1) + PAUSES % mean_ms)
        overhead.drive(target.url, script, WARM_UP_S)
        before = _used(processes)
        reached = overhead.drive(target.url, script, seconds)
        after = _used(processes)
    used = {name: value - before.get(name, 0.0) for name, value in after.items()}
    return reached, share_out(used, reached * seconds)


def _used(processes: Processes) -> dict[str, float]:
    """CPU time so far in seconds by part, including processes that have ended."""
    used: dict[str, float] = {}
    for sample in (sample for family in processes() if family.name == CPU for sample in family.samples):
        name = sample.labels["groupname"]
        used[name] = used.get(name, 0.0) + sample.value
    return used


def describe(rate: float, shared: Mapping[str, float]) -> Table:
    """A table of the parts and their sum."""
    table = Table("part", "ms of CPU a like", title=f"at {rate:.0f} likes/s", title_justify="left")
    for kind, took in shared.items():
        table.add_row(kind, f"{took:.3f}")
    table.add_row("all", f"{sum(shared.values()):.3f}")
    return table


def compare(topology: Topology, rate: float, seconds: int, pairs: int) -> list[tuple[float, float]]:
    """CPU time a like in ms of stacks without metrics and with them, in pairs in turn."""
    found = []
    for number in range(pairs):
        taken: dict[str, float] = {}
        for metrics in (METRICS_OFF, METRICS_ON)[:: 1 if number % 2 else -1]:
            settings = {"LIKESTORM_METRICS": metrics, "LIKESTORM_SERVER_TIMING": "0"}
            with local.up(replace(topology, settings=settings)) as target:
                taken[metrics] = sum(measure(target, rate, seconds)[1].values())
        found.append((taken[METRICS_OFF], taken[METRICS_ON]))
        print(f"pair {number + 1}: {found[-1][0]:.3f} ms without metrics, {found[-1][1]:.3f} with", flush=True)
    return found


def describe_pairs(pairs: Sequence[tuple[float, float]]) -> list[Figure]:
    """The medians without and with metrics, and the ratio of the pairs."""
    without, with_metrics = zip(*pairs, strict=True)
    return [
        median("CPU time a like without metrics", without, "ms", 3),
        median("CPU time a like with metrics", with_metrics, "ms", 3),
        ratio("with metrics over without", pairs),
    ]


def figures(base_port: int) -> list[Figure]:
    """What metrics cost, as BENCHMARKS.md has it."""
    overhead.find_wrk()
    return describe_pairs(compare(named(DEFAULT, base_port), RATE, SECONDS, PAIRS))


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.benchmarks.cost", description=__doc__)
    parser.add_argument("--rate", type=positive, default=RATE, help="likes a second, about (%(default)g)")
    parser.add_argument("--seconds", type=count, default=SECONDS, help="that are measured (%(default)s)")
    parser.add_argument("--base-port", type=int, default=DEFAULT_BASE_PORT, help="first of the ports (%(default)s)")
    parser.add_argument(
        "--metrics", type=count, nargs="?", const=PAIRS, metavar="PAIRS", help=f"what metrics cost, in pairs ({PAIRS})"
    )
    options = parser.parse_args(arguments)
    topology = named(DEFAULT, options.base_port)
    try:
        overhead.find_wrk()
        if options.metrics:
            for figure in describe_pairs(compare(topology, options.rate, options.seconds, options.metrics)):
                print(f"{figure.what}: {figure.value} ({figure.interval})")
            return 0
        with local.up(topology) as target:
            Console().print(describe(*measure(target, options.rate, options.seconds)))
    except (OverheadError, StackError) as error:
        print(f"cost: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
