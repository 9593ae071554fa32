"""python -m compose.containers configure|file|up|down|bench: the stack in containers."""

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from compose.containers import composefile, engine, folder
from compose.errors import StackError, UsageError
from compose.topology import DEFAULT, Topology, known, named

PROJECT = "likestorm"


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
    parser = argparse.ArgumentParser(prog="python -m compose.containers", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)

    def add(name: str, act: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        verb = verbs.add_parser(name, help=text)
        verb.add_argument("--topology", default=DEFAULT, help=f"{', '.join(known())}, or a .toml file (%(default)s)")
        verb.add_argument("--folder", type=Path, default=folder.DEFAULT, help="the configuration (%(default)s)")
        verb.add_argument("--project", default=PROJECT, help="what the containers' names begin with (%(default)s)")
        verb.set_defaults(act=act)
        return verb

    add("file", _file, "print the Compose file of a topology")
    add("configure", _configure, "write the folder that the Compose file mounts, with secrets made anew")
    verb = add("up", _up, "configure, build the image, start everything and wait until it is healthy")
    verb.add_argument("--without", action="append", default=[], metavar="SERVICE", help="leave this one out")
    verb.add_argument("--no-build", action="store_true", help="the image exists (LIKESTORM_SERVICE_IMAGE)")
    verb.add_argument("--scale", action="append", default=[], metavar="SERVICE=N", help="number of its containers")
    add("down", _down, "remove containers, networks, volumes and the folder")
    verb = add("bench", _bench, "run a scenario from within, as `python -m likestorm run` does")
    verb.add_argument("arguments", nargs=argparse.REMAINDER, help="of `python -m likestorm run`, after --")
    return parser


def _topology(options: argparse.Namespace) -> Topology:
    return replace(named(options.topology), in_containers=True)


def _file(options: argparse.Namespace) -> int:
    print(composefile.text(_topology(options)), end="")
    return 0


def _configure(options: argparse.Namespace) -> int:
    print(folder.write(_topology(options), options.folder))
    return 0


def _up(options: argparse.Namespace) -> int:
    began = time.monotonic()
    chosen, topology = engine.find(), _topology(options)
    if chosen.containers(options.project):
        raise StackError(f"containers of {options.project} exist already (make compose-down)")
    file = folder.write(topology, options.folder)
    services = [name for name in composefile.services(file.read_text()) if name not in options.without]
    scale = [word for pair in options.scale for word in ("--scale", pair)]
    _set_variables(options)
    if not options.no_build:
        chosen.run_compose(file, options.project, ["build", "app"], is_shown=True)
    print(f"starting {len(services)} services …", flush=True)
    # podman cannot start a container when one that it depends on has ended.
    alone = ["--no-deps"] if chosen.is_podman else []
    chosen.run_compose(file, options.project, ["up", "--detach", "--no-build", *alone, *scale, *services])
    engine.await_healthy(chosen, options.project, services, lambda _service: None, engine.READY_TIMEOUT_S)
    published = composefile.published(file.read_text())
    shown = ", ".join(f"{name} {', '.join(ports)}" for name, ports in published.items() if name in services)
    print(f"up in {time.monotonic() - began:.1f} s: {shown}")
    return 0


def _set_variables(options: argparse.Namespace) -> None:
    """Set the Compose file's variables."""
    os.environ["LIKESTORM_CONTAINERS"] = str(options.folder.resolve())
    os.environ.setdefault("LIKESTORM_USER", f"{os.getuid()}:{os.getgid()}")


def _down(options: argparse.Namespace) -> int:
    chosen, file = engine.find(), options.folder / folder.COMPOSE_FILE
    if not file.exists():
        file = composefile.COMMITTED
    _set_variables(options)
    everything = ["--profile", "generator", "down", "--volumes", "--remove-orphans", "--timeout", "5"]
    chosen.run_compose(file, options.project, everything)
    folder.remove(options.folder)
    print("down")
    return 0


def _bench(options: argparse.Namespace) -> int:
    """Run a scenario in a container of the network: from outside only the front can be reached."""
    chosen, file = engine.find(), options.folder / folder.COMPOSE_FILE
    if not file.exists():
        raise StackError("not running (make compose-up)")
    _set_variables(options)
    arguments = [word for word in options.arguments if word != "--"] or ["likes"]
    return chosen.pass_through(
        file, options.project, ["--profile", "generator", "run", "--rm", "--no-deps", "locust", "run", *arguments]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
