"""python -m compose up|down|status|seed|promote|rolling-restart: a stack that runs until `down`."""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypedDict

from compose import local
from compose.errors import StackError, UsageError
from compose.layout import STATE, STORAGES
from compose.local import Target, rolling_restart
from compose.local.memory import measure
from compose.topology import DEFAULT, DEFAULT_BASE_PORT, known, named


class _Numbers(TypedDict):
    users: int
    photos_per_user: int
    follows_per_user: int
    seed: int


# The data of `up`: as in the scenario `likes`.
SEED: _Numbers = {"users": 4000, "photos_per_user": 3, "follows_per_user": 20, "seed": 2011}


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    try:
        act: Callable[[argparse.Namespace], int] = options.act
        return act(options)
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m compose", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)

    def add(name: str, act: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        verb = verbs.add_parser(name, help=text)
        verb.add_argument("--state", type=_resolved, default=STATE, help="folder of its files (%(default)s)")
        verb.set_defaults(act=act)
        return verb

    verb = add("up", _up, "start the stack, make the schema, fill it with seeded data")
    verb.add_argument("--topology", default=DEFAULT, help=f"{', '.join(known())}, or a .toml file (%(default)s)")
    verb.add_argument("--base-port", type=int, default=DEFAULT_BASE_PORT, help="first of its ports (%(default)s)")
    verb.add_argument("--storage", choices=STORAGES, help="storage of its data (memory if it has room, else disk)")
    verb.add_argument("--errors", action="store_true", help="with an error tracker")
    add("down", _down, "stop it; only its logs stay")
    add("status", _status, "list its parts; exit status 0 when all are up, 1 when not")
    verb = add("seed", _seed, "replace its data")
    verb.add_argument("--users", type=_count, default=SEED["users"], help="number of users (%(default)s)")
    verb.add_argument("--follows", type=_count_or_none, default=SEED["follows_per_user"], help="a user (%(default)s)")
    verb = add("promote", _promote, "put a primary's replica in its place")
    verb.add_argument("server", help="the primary, such as postgres-1; it is stopped if it still runs")
    add("rolling-restart", _restart, "restart app servers and nginx one by one, with no request failed")
    return parser


def _resolved(text: str) -> Path:
    return Path(text).resolve()


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 10**9):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def _count_or_none(text: str) -> int:
    return 0 if text == "0" else _count(text)


def _say(step: str) -> None:
    print(f"{step} …", flush=True)


def _up(options: argparse.Namespace) -> int:
    began = time.monotonic()
    topology = replace(named(options.topology, options.base_port), errors=options.errors)
    target = local.start(
        topology,
        on_phase=_say,
        state=options.state,
        storage=options.storage,
        fill=lambda target: local.seed(target, **SEED),
    )
    print(f"up in {time.monotonic() - began:.1f} s: {target.url} (Prometheus {target.prometheus_url})")
    print(f"its data is in {target.storage}: {target.run_dir}")
    return 0


def _down(options: argparse.Namespace) -> int:
    print("down" if local.stop(options.state) else "not running")
    return 0


def _seed(options: argparse.Namespace) -> int:
    numbers: _Numbers = {**SEED, "users": options.users, "follows_per_user": options.follows}
    local.seed(_running(options), **numbers, is_shown=True)
    return 0


def _promote(options: argparse.Namespace) -> int:
    began, server = time.monotonic(), options.server
    local.promote(_running(options), server, _say)
    print(f"{server}-replica has taken the place of {server}, in {time.monotonic() - began:.1f} s")
    return 0


def _restart(options: argparse.Namespace) -> int:
    began = time.monotonic()
    rolling_restart.restart(_running(options), _say)
    print(f"all app servers and nginx restarted, in {time.monotonic() - began:.1f} s")
    return 0


def _running(options: argparse.Namespace) -> Target:
    target = local.running(options.state)
    if target is None:
        raise StackError("not running")
    return target


def _status(options: argparse.Namespace) -> int:
    target = local.running(options.state)
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
