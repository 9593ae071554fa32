"""Commands for all machines: `fab --search-root compose --list`, each with --fleet FILE (compose/fleet/inventory.py).

Every host's outcome is shown in a table. Exit status: 0 all did it, 1 one did not, 2 wrong usage.
"""

import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

CLONE = Path(__file__).resolve().parent.parent
# fab looks for modules beside this file only, and under the names that they have there.
if str(CLONE) not in sys.path:
    sys.path.insert(0, str(CLONE))

from compose.errors import UsageError  # noqa: E402
from compose.fleet import releases  # noqa: E402
from compose.fleet.inventory import Fleet, load  # noqa: E402
from compose.fleet.outcomes import Outcome, act_in_turn, act_on_all, render  # noqa: E402

FLEET = {"fleet": "TOML file with the hosts and what is done on them (fleet.toml)"}


@task(help={**FLEET, "command": "for the shell of each host"})
def run(c: Context, command: str, fleet: str = "fleet.toml") -> None:
    """Run one command on all hosts at once."""
    known = _load(fleet)
    outcomes = act_on_all(known.hosts, lambda host: str(host.run(command).stdout), c.config, known.timeout_s)
    for outcome in outcomes:
        for line in outcome.said.splitlines() if outcome.status == "done" else ():
            sys.stdout.write(f"{outcome.host} | {line}\n")
    _finish(outcomes)


@task(help={**FLEET, "revision": "what git knows it by (HEAD)", "repository": "where git is asked (this clone)"})
def deploy(c: Context, revision: str = "HEAD", fleet: str = "fleet.toml", repository: str = str(CLONE)) -> None:
    """Unpack a version on all hosts at once, then put it into service on one after the other.

    A host where it is not healthy goes back to the version before; the others go on.
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
    """Restart one host after the other, each once the one before is healthy; none after one that failed."""
    known = _load(fleet)
    _finish(
        act_in_turn(
            known.hosts, lambda host: releases.Host(host, known).restart(), c.config, known.timeout_s, go_on=False
        )
    )


def _load(fleet: str) -> Fleet:
    try:
        return load(Path(fleet))
    except UsageError as error:
        raise Exit(str(error), code=2) from error


def _finish(outcomes: Iterable[Outcome]) -> None:
    """Show the table, and exit with 1 when a host did not do it."""
    shown = list(outcomes)
    sys.stdout.write(render(shown))
    if any(outcome.status != "done" for outcome in shown):
        raise Exit(code=1)
