"""The start of a stack, stage by stage; each part is probed until it is ready."""

import contextlib
import errno
import os
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import psutil

from compose.credentials import Credentials
from compose.errors import StackError
from compose.layout import CLONE, Layout
from compose.local.supervision import DEAD, Supervisor
from compose.parts import Part, Stage
from compose.readiness import Probe, wait_until
from compose.registry import list_probes
from compose.topology import LOOPBACK, Topology

READY_TIMEOUT_S = 60.0
AT_ONCE_PER_CORE = 4
"""Parts that start at the same time; more of them would slow each other down."""
_POLL_S = 0.05

OnPhase = Callable[[str], None]


def check_ports(topology: Topology) -> None:
    """StackError names the first part whose port another process has."""
    for part, port in topology.ports.items():
        with contextlib.closing(socket.socket()) as probe:
            # Like servers: a port whose last connections are in TIME_WAIT counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise StackError(f"port {port} ({part}) cannot be used: {error.strerror}") from error
                raise StackError(
                    f"port {port} ({part}) is taken{_owner(port)}; free it or choose other ports with BASE_PORT="
                ) from error


def _owner(port: int) -> str:
    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return ""


def await_supervisor(
    supervisor: Supervisor, layout: Layout, is_alive: Callable[[], bool], timeout_s: float = 10
) -> None:
    """Wait until supervisord answers; StackError with its last log lines when it does not."""
    wait_until(lambda: supervisor.answers() or not is_alive(), timeout_s)
    if not supervisor.answers():
        raise StackError(f"supervisord does not start: {tail(layout.log('supervisor-start'))}")


def bring_up(
    topology: Topology,
    layout: Layout,
    credentials: Credentials,
    parts: tuple[Part, ...],
    supervisor: Supervisor,
    on_phase: OnPhase,
    service_environment: Mapping[str, str],
) -> None:
    """Start every part and make the schema; StackError names the part that failed, with its last log lines."""
    probes = list_probes(topology, credentials)

    def named(*stages: Stage) -> list[str]:
        return [part.name for part in parts if part.stage in stages]

    on_phase("stores")
    stores = named("stores", "pool")
    supervisor.start(stores)
    await_ready({name: probes[name] for name in stores}, supervisor, layout)
    on_phase("schema and service")
    waiting = named("service", "monitoring")
    most = AT_ONCE_PER_CORE * (os.cpu_count() or 1)
    # Most of the service's start is imports, which need no schema.
    supervisor.start(waiting[:most])
    run_service(("migrate",), service_environment)
    await_ready({name: probes[name] for name in waiting}, supervisor, layout, to_start=waiting[most:])


def await_ready(
    probes: Mapping[str, Probe],
    supervisor: Supervisor,
    layout: Layout,
    timeout_s: float = READY_TIMEOUT_S,
    to_start: Iterable[str] = (),
) -> None:
    """Probe each part until all are ready; StackError at once when a part died, and when a part takes too long.

    to_start: parts that do not run yet; each starts when another part is ready.
    """
    waiting = deque(to_start)
    deadline = time.monotonic() + timeout_s
    reasons = {name: "never asked" for name in probes if name not in waiting}
    while reasons:
        states = supervisor.states()
        for name in tuple(reasons):
            if states[name].state in DEAD:
                raise StackError(f"{name} died at start ({states[name].detail}): {tail(layout.log(name))}")
            try:
                probes[name]()
            except Exception as error:
                reasons[name] = " ".join(str(error).split()) or type(error).__name__
                continue
            del reasons[name]
            if waiting:
                following = waiting.popleft()
                supervisor.start([following])
                reasons[following] = "never asked"
                deadline = time.monotonic() + timeout_s
        if reasons and time.monotonic() > deadline:
            name, reason = next(iter(reasons.items()))
            raise StackError(f"{name} is not ready after {timeout_s:g} s ({reason}): {tail(layout.log(name))}")
        if reasons:
            time.sleep(_POLL_S)


def tail(log: Path, lines: int = 3) -> str:
    """The last lines of a log as one line, with the path of the log."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            said = [line for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    except OSError:
        said = []
    return f"{' | '.join(said[-lines:]) or 'it logged nothing'} ({log})"


def run_service(arguments: Iterable[str], environment: Mapping[str, str], *, is_shown: bool = False) -> str:
    """Run one command of the service and return its output; StackError with its last line on stderr.

    is_shown: its output goes to the caller's terminal instead.
    """
    command = ("-m", "service", *arguments)
    into = None if is_shown else subprocess.PIPE
    done = subprocess.run(
        (sys.executable, *command), cwd=CLONE, env=environment, stdout=into, stderr=into, text=True, check=False
    )
    if done.returncode != 0:
        said = (done.stderr or "").strip().splitlines() or [f"exit status {done.returncode}"]
        raise StackError(f"python {' '.join(command[:3])} failed: {said[-1]}")
    return done.stdout or ""
