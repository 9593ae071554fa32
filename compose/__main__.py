"""python -m compose up|down|status: the stack that stays until it is taken down."""

import argparse
import sys
import time
from pathlib import Path

from compose import local
from compose.errors import StackError, UsageError
from compose.layout import STATE, STORAGES, Storage
from compose.memory import measure
from compose.topology import DEFAULT_BASE_PORT, SMALL, TOPOLOGIES, Topology, named

# What `up` fills the stores with: the same data as the scenario `likes`.
SEED = {"users": 4000, "photos_per_user": 3, "follows_per_user": 20, "seed": 2011}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m compose", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("up", help="start the stack, make the schema, fill it with seeded data")
    verb.add_argument("--topology", default=SMALL.name, help=f"one of: {', '.join(TOPOLOGIES)} (%(default)s)")
    verb.add_argument("--base-port", type=int, default=DEFAULT_BASE_PORT, help="first of its ports (%(default)s)")
    verb.add_argument("--storage", choices=STORAGES, help="where data lies (memory if it has room, or else disk)")
    verbs.add_parser("down", help="take it down; only logs are left")
    verbs.add_parser("status", help="what runs; exit status 0 when all parts are up, 1 when not")
    for verb in verbs.choices.values():
        verb.add_argument("--state", type=Path, default=STATE, help="where it keeps its files (%(default)s)")
    options = parser.parse_args(arguments)
    try:
        if options.verb == "up":
            return _up(named(options.topology, options.base_port), options.state.resolve(), options.storage)
        return _down(options.state.resolve()) if options.verb == "down" else _status(options.state.resolve())
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _up(topology: Topology, state: Path, storage: Storage | None) -> int:
    began = time.monotonic()
    target = local.start(
        topology,
        on_phase=lambda phase: print(f"{phase} …", flush=True),
        state=state,
        storage=storage,
        fill=lambda target: local.seed(target, **SEED),
    )
    print(f"up in {time.monotonic() - began:.1f} s: {target.url} (Prometheus {target.prometheus_url})")
    print(f"its data is in {target.storage}: {target.run_dir}")
    return 0


def _down(state: Path) -> int:
    print("down" if local.stop(state) else "not running")
    return 0


def _status(state: Path) -> int:
    target = local.running(state)
    if target is None:
        print("not running")
        return 1
    states, ports = target.states(), target.topology.ports
    memory = measure({name: part.pid for name, part in states.items() if part.pid})
    print(f"{'part':22} {'state':9} {'pid':>7} {'port':>6} {'up, s':>7} {'PSS, MB':>8}")
    for name, part in states.items():
        pid, megabytes = (str(part.pid), f"{memory[name]:.1f}") if part.pid else ("", "")
        print(f"{name:22} {part.state.lower():9} {pid:>7} {ports.get(name, ''):>6} {part.uptime_s:7.0f} {megabytes:>8}")
    print(f"{'all':22} {'':9} {'':7} {'':6} {'':7} {sum(memory.values()):8.1f}")
    return 0 if all(part.state == "RUNNING" for part in states.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
