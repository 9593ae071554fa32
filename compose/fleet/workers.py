"""Likestorm's workers on other hosts: each belongs to one ssh connection and ends with it."""

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from shlex import quote

from fabric import Config, Connection

from compose.errors import StackError, UsageError
from compose.fleet.outcomes import Outcome, act_on, act_on_all, render

PYTHON = ".venv/bin/python"
CHECK_S = 60.0
LEAVE_S = 5.0
"""Limit for workers to end by themselves after a run; then their connections are closed."""


def master_address(hosts: Sequence[str], code: str, config: Config) -> str:
    """This machine's address as all hosts see it; checks that each host has the same release of the code.

    StackError for hosts that cannot run a worker, whose outcomes are printed; UsageError for several releases or
    addresses.
    """
    missing = f'no {PYTHON} in {code}: `fab deploy` with `prepare = "sh compose/setup.sh run"` makes it'
    check = (
        f"test -x {quote(code)}/{PYTHON} || {{ echo {quote(missing)} >&2; exit 1; }}; "
        f'echo "${{SSH_CLIENT%% *}} $(basename "$(cd {quote(code)} && pwd -P)")"'
    )
    outcomes = act_on_all(hosts, lambda host: str(host.run(check).stdout).strip(), config, CHECK_S)
    if any(outcome.status != "done" for outcome in outcomes):
        sys.stdout.write(render(outcomes))
        raise StackError("some hosts cannot run a worker")
    found = {outcome.host: outcome.said.split() for outcome in outcomes}
    if len({release for _, release in found.values()}) > 1:
        listed = ", ".join(f"{host} {release[:12]}" for host, (_, release) in found.items())
        raise UsageError(f"the hosts have different releases ({listed}): `fab deploy` brings one to all")
    addresses = {address for address, _ in found.values()}
    if len(addresses) > 1:
        raise UsageError(f"the hosts see this machine at {', '.join(sorted(addresses))}: choose one with --master")
    return addresses.pop()


@contextmanager
def workers(
    hosts: Sequence[str], code: str, master: str, config: Config, give_up: Callable[[], None]
) -> Iterator[Callable[[], list[Outcome]]]:
    """Workers of the run whose master listens at HOST:PORT, one for each entry of `hosts`, until the block ends.

    Yields a function that ends all workers and returns their outcomes in the order of the hosts. A failure of a worker
    is printed to standard error at once; give_up is called when all workers have failed.
    """
    # The terminal belongs to the connection: when the connection closes, the kernel sends SIGHUP to the worker.
    command = f"cd {quote(code)} && exec {PYTHON} -m likestorm worker --master {quote(master)}"
    connections: list[Connection] = []
    failed: list[str] = []

    def work(host: str) -> Outcome:
        def run(connection: Connection) -> str:
            connections.append(connection)
            return str(connection.run(command, pty=True).stdout)

        outcome = act_on(host, run, config, None)
        if outcome.status == "failed":
            sys.stderr.write(f"worker on {host}: {outcome.said}\n")
            failed.append(host)
            if len(failed) == len(hosts):
                give_up()
        return outcome

    with ThreadPoolExecutor(max(1, len(hosts))) as threads:
        running = [threads.submit(work, host) for host in hosts]
        try:
            yield lambda: _end(running, connections)
        finally:
            _end(running, connections)


def _end(running: list["Future[Outcome]"], connections: list[Connection]) -> list[Outcome]:
    """The outcomes of all workers, after closing the connections of those that do not end by themselves."""
    wait(running, LEAVE_S)
    if not all(future.done() for future in running):
        for connection in connections:
            connection.close()
    return [future.result() for future in running]
