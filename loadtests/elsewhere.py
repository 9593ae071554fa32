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
        worker = [PYTHON, "-m", "loadtests", "worker", "--master", master, "--patience", f"{patience_s:g}"]
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
    from fabric import Config

    from compose.fleet.outcomes import act_on_all, render

    names, folder = _names(asked)
    code = code or folder
    addresses: dict[str, str] = {}

    def look(connection: Connection) -> str:
        said = str(connection.run(_check(code)).stdout).strip()
        addresses[connection.original_host] = _own_address(connection)
        return said

    outcomes = act_on_all(names, look, Config(), CHECK_S)
    if any(outcome.status != "done" for outcome in outcomes):
        sys.stdout.write(render(outcomes))
        raise StackError("not every host can make load")
    releases = {outcome.host: outcome.said for outcome in outcomes}
    _compare(releases)
    host, _, given = (bind or _only(addresses)).partition(":")
    if given and not given.isdecimal():
        raise UsageError(f"--master-bind {bind}: {given!r} is no port")
    port = int(given or port)
    masters = {name: f"{addresses[name] if host in ANY else host}:{port}" for name in names}
    return Hosts(masters, code, each), f"{host}:{port}"


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
        f"{PYTHON} -c 'import compose.fleet.tied, loadtests.worker' || exit; "
        'case "$(pwd -P)" in */releases/*) basename "$(pwd -P)" ;; esac'
    )


def _compare(releases: dict[str, str]) -> None:
    """Workers of different code may share a schedule out differently, so they are refused."""
    if len(set(releases.values())) > 1:
        listed = ", ".join(f"{host} {release[:12]}" for host, release in releases.items())
        raise UsageError(f"the hosts have different releases ({listed}): `fab deploy` brings one to all")


def _own_address(connection: Connection) -> str:
    """This machine's address as seen from a host; empty where another host stands in between."""
    wire = connection.transport.sock
    return str(wire.getsockname()[0]) if hasattr(wire, "getsockname") else ""


def _only(addresses: dict[str, str]) -> str:
    found = set(addresses.values())
    if len(found) == 1 and _is_ipv4(*found):
        return found.pop()
    raise UsageError(
        f"the hosts are reached from {', '.join(sorted(found)) or 'no address'}: say with --master-bind at which "
        "IPv4 address of this machine they find it ('*': at the one from which each is reached)"
    )


def _is_ipv4(address: str) -> bool:
    try:
        return isinstance(ipaddress.ip_address(address), ipaddress.IPv4Address)
    except ValueError:
        return False
