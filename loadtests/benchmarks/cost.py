"""The CPU time that a like takes, by part of the stack.

`python -m loadtests.benchmarks.cost` boots a stack, drives likes with wrk from a few connections that pause at random,
and divides the CPU time of all processes by the number of likes. A busy machine changes CPU time much less than latency
and rate. Scrapes and health checks are included, and weigh more at a lower rate.

With --metrics it boots the stack several times in turn, with and without the service's metrics (LIKESTORM_METRICS), and
prints what metrics cost: the Hodges-Lehmann estimate of the difference with its 95 % interval. Server-Timing is off on
both sides.
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
from likestorm.comparison import paired
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


def compare(topology: Topology, rate: float, seconds: int, pairs: int, console: Console) -> Table:
    """Measure stacks with and without metrics in turn; a table of the differences in CPU time a like."""
    differences: list[dict[str, float]] = []
    for number in range(pairs):
        shared: dict[str, dict[str, float]] = {}
        for metrics in (METRICS_OFF, METRICS_ON)[:: 1 if number % 2 else -1]:
            settings = {"LIKESTORM_METRICS": metrics, "LIKESTORM_SERVER_TIMING": "0"}
            with local.up(replace(topology, settings=settings)) as target:
                _, shared[metrics] = measure(target, rate, seconds)
        off, on = shared[METRICS_OFF], shared[METRICS_ON]
        console.print(f"pair {number + 1}: {sum(off.values()):.3f} ms without metrics, {sum(on.values()):.3f} with")
        differences.append({kind: on[kind] - off[kind] for kind in on})
    return describe_differences(differences)


def describe_differences(differences: Sequence[Mapping[str, float]]) -> Table:
    """The difference of each kind of part and of their sum, each with its interval."""
    title = f"what metrics add to a like, {len(differences)} pairs in turn"
    table = Table("part", "ms of CPU a like", "95 % interval", title=title, title_justify="left")
    columns = {kind: [each[kind] for each in differences] for kind in differences[0]}
    for kind, values in (columns | {"all": [sum(each.values()) for each in differences]}).items():
        shift = paired.of_pairs(values)
        table.add_row(kind, f"{shift.estimate:+.3f}", f"{shift.low:+.3f} to {shift.high:+.3f}")
    return table


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
    console, topology = Console(), named(DEFAULT, options.base_port)
    try:
        overhead.find_wrk()
        if options.metrics:
            console.print(compare(topology, options.rate, options.seconds, options.metrics, console))
            return 0
        with local.up(topology) as target:
            console.print(describe(*measure(target, options.rate, options.seconds)))
    except (OverheadError, StackError) as error:
        print(f"cost: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
