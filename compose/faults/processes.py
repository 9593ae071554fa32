"""Parts that are stopped, killed or paused by a signal."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from compose.faults import FaultError
from compose.local import Target
from compose.readiness import wait_until

_STOP_S, _START_S = 30.0, 60.0


@contextmanager
def stopped(target: Target, *parts: str) -> Iterator[None]:
    """These parts are stopped, and not started again before the end."""
    supervisor = target.supervisor

    def are_stopped() -> bool:
        states = supervisor.states()
        left = [part for part in parts if states[part].state not in ("STOPPED", "FATAL")]
        # A part that was just killed can be stopped only after supervisord has started it again.
        supervisor.stop(part for part in left if states[part].state != "STOPPING")
        return not left

    try:
        if not wait_until(are_stopped, _STOP_S):
            raise FaultError(f"{', '.join(parts)} do not stop")
        yield
    finally:
        supervisor.start(part for part in parts if not supervisor.states()[part].pid)
        wait_until(lambda: all(supervisor.states()[part].state == "RUNNING" for part in parts), _START_S)


@contextmanager
def killed(target: Target, part: str) -> Iterator[None]:
    """The part's processes are killed, and supervisord does not start the part again before the end."""
    for pid in _pids(target, part):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    with stopped(target, part):
        yield


@contextmanager
def frozen(target: Target, *parts: str) -> Iterator[None]:
    """Every process of these parts is stopped by SIGSTOP."""
    with _frozen([pid for part in parts for pid in _pids(target, part)]):
        yield


@contextmanager
def replay_frozen(target: Target) -> Iterator[None]:
    """The process that replays the primary's writes on a replica is stopped; the replica still answers."""
    pids = _pids(target, "postgres-1-replica")
    replaying = [pid for pid in pids if "startup recovering" in " ".join(psutil.Process(pid).cmdline())]
    if not replaying:
        raise FaultError("postgres-1-replica has no process that replays")
    with _frozen(replaying):
        yield


@contextmanager
def pooler_paused(target: Target) -> Iterator[None]:
    """PgBouncer gives no connection to anybody, by the signals for its PAUSE and RESUME."""
    pid = target.pids()["pgbouncer"]
    os.kill(pid, signal.SIGUSR1)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGUSR2)


@contextmanager
def _frozen(pids: list[int]) -> Iterator[None]:
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def _pids(target: Target, part: str) -> list[int]:
    """A part's processes, parents first."""
    root = psutil.Process(target.pids()[part])
    return [root.pid, *(child.pid for child in root.children(recursive=True))]
