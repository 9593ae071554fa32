"""Commands for all machines: `fab --search-root compose --list`, each with --fleet FILE (compose/fleet/inventory.py).

A table shows every host's outcome. Exit status: 0 all succeeded, 1 one failed, 2 wrong usage; `swarm` has its run's.
"""

import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

CLONE = Path(__file__).resolve().parent.parent
# fab imports only modules beside this file.
if str(CLONE) not in sys.path:
    sys.path.insert(0, str(CLONE))

from compose.errors import StackError, UsageError  # noqa: E402
from compose.fleet import releases, workers  # noqa: E402
from compose.fleet.inventory import Fleet, load  # noqa: E402
from compose.fleet.outcomes import Outcome, act_in_turn, act_on_all, render  # noqa: E402

FLEET = {"fleet": "TOML file with the hosts and their commands (fleet.toml)"}
MASTER_PORT = 5557


@task(help={**FLEET, "command": "a command for the shell of each host"})
def run(c: Context, command: str, fleet: str = "fleet.toml") -> None:
    """Run one command on all hosts at once."""
    known = _load(fleet)
    outcomes = act_on_all(known.hosts, lambda host: str(host.run(command).stdout), c.config, known.timeout_s)
    for outcome in outcomes:
        for line in outcome.said.splitlines() if outcome.status == "done" else ():
            sys.stdout.write(f"{outcome.host} | {line}\n")
    _finish(outcomes)


@task(help={**FLEET, "revision": "a revision of git (HEAD)", "repository": "a clone with the revision (this one)"})
def deploy(c: Context, revision: str = "HEAD", fleet: str = "fleet.toml", repository: str = str(CLONE)) -> None:
    """Unpack a version on all hosts at once, then put it into service on one host after the other.

    A host where it is not healthy returns to the version before; the other hosts continue.
    """
    known = _load(fleet)
    with tempfile.TemporaryDirectory(prefix="likestorm-deploy-") as folder:
        try:
            name, archive = releases.pack(Path(repository), revision, Path(folder))
        except UsageError as error:
            raise Exit(str(error), code=2) from error
        unpacked = act_on_all(
            known.hosts, lambda host: releases.Host(host, known).unpack(name, archive), c.config, known.timeout_s
        )
    able = [outcome.host for outcome in unpacked if outcome.status == "done"]
    switched = act_in_turn(
        able, lambda host: releases.Host(host, known).switch(name), c.config, known.timeout_s, go_on=True
    )
    by_host = {outcome.host: outcome for outcome in (*unpacked, *switched)}
    _finish(by_host[host] for host in known.hosts)


@task(help=FLEET)
def restart(c: Context, fleet: str = "fleet.toml") -> None:
    """Restart one host after the other, each once the one before is healthy; stops at a failure."""
    known = _load(fleet)
    _finish(
        act_in_turn(
            known.hosts, lambda host: releases.Host(host, known).restart(), c.config, known.timeout_s, go_on=False
        )
    )


@task(
    help={
        **FLEET,
        "scenario": "TOML file of the run",
        "hosts": "names with commas, in place of a fleet file",
        "processes": "workers on each host (1)",
        "code": "folder of the code on the hosts, with its Python in .venv (the fleet's release, likestorm/current)",
        "master": "HOST[:PORT] at which the hosts reach this machine (as ssh shows it, port 5557)",
        "options": "further options of `likestorm run`",
    }
)
def swarm(
    c: Context, scenario: str, hosts: str = "", fleet: str = "fleet.toml", processes: int = 1, code: str = "",
    master: str = "", options: str = "",
) -> None:  # fmt: skip
    """Run a scenario with load from workers on all hosts; the workers end with the run, however it ends."""
    known = None if hosts else _load(fleet)
    names = known.hosts if known else tuple(filter(None, (name.strip() for name in hosts.split(","))))
    folder = code or (f"{known.folder}/current" if known else "likestorm/current")
    try:
        host, _, port = (master or workers.master_address(names, folder, c.config)).partition(":")
    except (StackError, UsageError) as error:
        raise Exit(str(error), code=2 if isinstance(error, UsageError) else 1) from error
    address = f"{host}:{port or MASTER_PORT}"
    each = [name for name in names for _ in range(processes)]
    command = [sys.executable, "-m", "likestorm", "run", scenario, "--processes", "0"]
    command += ["--expect-workers", str(len(each)), "--master-bind", address, *shlex.split(options)]
    with subprocess.Popen(command) as running:
        with workers.workers(each, folder, address, c.config, lambda: running.send_signal(signal.SIGINT)) as end:
            try:
                status = running.wait()
            except KeyboardInterrupt:  # the terminal interrupts the run as well
                status = running.wait()
            sys.stdout.write(render(end()))
    raise Exit(code=status if status >= 0 else 128 - status)


def _load(fleet: str) -> Fleet:
    try:
        return load(Path(fleet))
    except UsageError as error:
        raise Exit(str(error), code=2) from error


def _finish(outcomes: Iterable[Outcome]) -> None:
    """Print the table, and exit with status 1 if a host failed."""
    shown = list(outcomes)
    sys.stdout.write(render(shown))
    if any(outcome.status != "done" for outcome in shown):
        raise Exit(code=1)
