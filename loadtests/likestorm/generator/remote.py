"""Workers on other hosts: started there over ssh when a run begins, and ended with it, however it ends."""

from __future__ import annotations

import ipaddress
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from compose.errors import StackError, UsageError
from likestorm.results.environment import revision

if TYPE_CHECKING:
    from fabric import Connection

    from compose.fleet.outcomes import Outcome

CODE = "likestorm/current"
"""Where `fab deploy` puts what is in service, unless its fleet file says otherwise."""
PYTHON = ".venv/bin/python"
CHECK_S = 60.0
ANY = "*", "0.0.0.0"  # noqa: S104  # nothing is bound here


@dataclass(frozen=True)
class Hosts:
    """Hosts on which workers are started: `each` on every one, from its folder `code`, with the Python in its .venv.

    masters: by host, as ssh knows it, HOST:PORT at which it reaches the process here that leads the run.
    """

    masters: dict[str, str]
    code: str = CODE
    each: int = 1

    @property
    def workers(self) -> int:
        """How many workers that makes."""
        return len(self.masters) * self.each

    @contextmanager
    def at_work(self, logs: Path, give_up: Callable[[], None], patience_s: float) -> Iterator[Watch]:
        """Workers on all of them while the block runs, which tells the watch when the load begins.

        One that ends before makes the run pointless: give_up is called, and StackError names the host. What the workers
        printed is left in `logs`. Shows every host's outcome.
        """
        from fabric import Config

        from compose.fleet.attached import LEAVE_S, attached
        from compose.fleet.outcomes import render

        watch = Watch(logs, give_up)
        commands = {name: self._command(master, patience_s) for name, master in self.masters.items()}
        leave_s = 0.0
        with attached(commands, Config(), watch.note_end) as conclude:
            try:
                yield watch
                leave_s = LEAVE_S
            except Exception as error:
                if watch.failure:
                    raise StackError(watch.failure) from error
                raise
            finally:
                watch.is_over = True
                sys.stdout.write(render(conclude(leave_s)))
        if watch.failure:
            raise StackError(watch.failure)

    def _command(self, master: str, patience_s: float) -> str:
        worker = [PYTHON, "-m", "likestorm", "worker", "--master", master, "--patience", f"{patience_s:g}"]
        tied = [PYTHON, "-m", "compose.fleet.tied", str(self.each), *worker]
        return f"cd {shlex.quote(self.code)} && exec {shlex.join(tied)}"


class Watch:
    """Knows whether a worker's end is a failure of the start, or something that the run's own checks tell of."""

    def __init__(self, logs: Path, give_up: Callable[[], None]) -> None:
        self._logs, self._give_up = logs, give_up
        self.has_begun = self.is_over = False
        self.failure = ""

    def note_end(self, outcome: Outcome, printed: str) -> None:
        """One host's workers have ended."""
        if printed:
            (self._logs / f"swarm-worker-{re.sub('[^A-Za-z0-9.-]', '_', outcome.host)}.log").write_text(f"{printed}\n")
        if not (self.has_begun or self.is_over or self.failure):
            said = outcome.said if outcome.status == "failed" else "its workers ended"
            self.failure = f"{outcome.host}, before the load began: {said}"
            self._give_up()


def muster(asked: str, bind: str | None, port: int, code: str | None = None, each: int = 1) -> tuple[Hosts, str]:
    """Hosts that can be reached and have the code, and HOST:PORT at which to listen for their workers.

    asked: names with commas, or a fleet file (compose/fleet/inventory.py). bind: HOST[:PORT]; without it, the address
    from which all of them are reached. UsageError; StackError where a host will not do, and then shows all outcomes.
    """
    names, folder = _names(asked)
    code = code or folder
    host, _, given = (bind or "").partition(":")
    if given and not given.isdecimal():
        raise UsageError(f"--master-bind {bind}: {given!r} is no port")
    port = int(given or port)
    addresses, releases = _visit(names, code)
    if len(set(releases.values())) > 1:
        listed = ", ".join(f"{name} {release[:12]}" for name, release in releases.items())
        raise UsageError(f"the hosts have different releases ({listed}): `fab deploy` brings one to all")
    if not host or (host in ANY and "" in addresses.values()):
        host = _only(addresses)
    release = next(iter(releases.values()))[:12] or f"the code in {code}"
    sys.stdout.write(
        f"load comes from {', '.join(names)}: {each} process(es) on each, of {release} (here: {revision()}); "
        f"they find this one at port {port}\n"
    )
    masters = {name: f"{addresses[name] if host in ANY else host}:{port}" for name in names}
    return Hosts(masters, code, each), f"{host}:{port}"


def _visit(names: tuple[str, ...], code: str) -> tuple[dict[str, str], dict[str, str]]:
    """By host: this machine's address as seen from there, and the release that it has, if its code is one."""
    from fabric import Config

    from compose.fleet.outcomes import act_on_all, render

    def look(connection: Connection) -> str:
        return f"{_own_address(connection)} {str(connection.run(_check(code)).stdout).strip()}"

    outcomes = act_on_all(names, look, Config(), CHECK_S)
    if any(outcome.status != "done" for outcome in outcomes):
        sys.stdout.write(render(outcomes))
        raise StackError("not every host can make load")
    found = {outcome.host: outcome.said.partition(" ") for outcome in outcomes}
    return {host: address for host, (address, _, _) in found.items()}, {host: said[2] for host, said in found.items()}


def _names(asked: str) -> tuple[tuple[str, ...], str]:
    """The hosts' names, and the folder of the code on them."""
    if asked.endswith(".toml"):
        from compose.fleet.inventory import load

        fleet = load(Path(asked))
        return fleet.hosts, f"{fleet.folder}/current"
    names = tuple(filter(None, (name.strip() for name in asked.split(","))))
    if not names or len(set(names)) < len(names):
        raise UsageError(f"hosts cannot be {asked!r}: each once, with commas between them, or a fleet file")
    return names, CODE


def _check(code: str) -> str:
    """For a host's shell: whether it has what a worker needs, and which release that is, if it is one."""
    folder = shlex.quote(code)
    no_code = f"no code in {code}: `fab deploy` brings it, or name another folder (CODE=, --code)"
    no_python = f"no {PYTHON} in {code}: `sh compose/setup.sh run` makes it, as `prepare` of a fleet file does it"
    return (
        f"test -d {folder}/loadtests || {{ echo {shlex.quote(no_code)} >&2; exit 1; }}; "
        f"cd {folder} && test -x {PYTHON} || {{ echo {shlex.quote(no_python)} >&2; exit 1; }}; "
        f"{PYTHON} -c 'import compose.fleet.tied, likestorm.generator.worker' || exit; "
        'case "$(pwd -P)" in */releases/*) basename "$(pwd -P)" ;; esac'
    )


def _own_address(connection: Connection) -> str:
    """This machine's address as seen from a host; empty where another host stands in between."""
    wire = connection.transport.sock
    return str(wire.getsockname()[0]) if hasattr(wire, "getsockname") else ""


def _only(addresses: dict[str, str]) -> str:
    found = set(addresses.values())
    if len(found) == 1 and _is_ipv4(*found):
        return found.pop()
    listed = ", ".join(address or "another host" for address in sorted(found))
    raise UsageError(
        f"the hosts are reached from {listed}: say with --master-bind at which "
        "IPv4 address of this machine they find it ('*': at the one from which each is reached)"
    )


def _is_ipv4(address: str) -> bool:
    try:
        return isinstance(ipaddress.ip_address(address), ipaddress.IPv4Address)
    except ValueError:
        return False
