"""What CPU time a like takes, and of whom.

`python -m loadtests.benchmarks.cost` boots a stack, has wrk ask for likes from a few connections that pause by lot, and
shares out what all processes of the stack took meanwhile. Of latencies and rates a busy machine makes something else,
of CPU time much less; what the stack does beside (scrapes, health checks) is in it, and weighs the more the lower the
rate is.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from likestorm.arguments import count, positive
from rich.console import Console
from rich.table import Table

from compose import local
from compose.errors import StackError
from compose.exporters.processes import Processes
from compose.layout import find
from compose.local import Target
from compose.topology import DEFAULT, DEFAULT_BASE_PORT, named
from loadtests.benchmarks import overhead
from loadtests.benchmarks.overhead import OverheadError

RATE, SECONDS, WARM_UP_S = 450.0, 20, 5
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


def share_out(used: Mapping[str, float], likes: float) -> dict[str, float]:
    """By kind of part, the ms of CPU time a like; `used`: seconds by the part's name."""
    shared = dict.fromkeys((*PARTS, REST), 0.0)
    for name, seconds in used.items():
        kind = next((kind for kind, stems in PARTS.items() if name.startswith(stems)), REST)
        shared[kind] += 1e3 * seconds / likes
    return shared


def measure(target: Target, rate: float, seconds: int) -> tuple[float, dict[str, float]]:
    """Likes a second, and the ms of CPU time that each took by kind of part."""
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
    """Seconds of CPU time so far by part, also of processes that have ended."""
    used: dict[str, float] = {}
    for sample in (sample for family in processes() if family.name == CPU for sample in family.samples):
        name = sample.labels["groupname"]
        used[name] = used.get(name, 0.0) + sample.value
    return used


def describe(rate: float, shared: Mapping[str, float]) -> Table:
    """The parts and the whole."""
    table = Table("part", "ms of CPU a like", title=f"at {rate:.0f} likes/s", title_justify="left")
    for kind, took in shared.items():
        table.add_row(kind, f"{took:.3f}")
    table.add_row("all", f"{sum(shared.values()):.3f}")
    return table


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.benchmarks.cost", description=__doc__)
    parser.add_argument("--rate", type=positive, default=RATE, help="likes a second, about (%(default)g)")
    parser.add_argument("--seconds", type=count, default=SECONDS, help="that are measured (%(default)s)")
    parser.add_argument("--base-port", type=int, default=DEFAULT_BASE_PORT, help="first of the ports (%(default)s)")
    options = parser.parse_args(arguments)
    try:
        overhead.find_wrk()
        with local.up(named(DEFAULT, options.base_port)) as target:
            Console().print(describe(*measure(target, options.rate, options.seconds)))
    except (OverheadError, StackError) as error:
        print(f"cost: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
