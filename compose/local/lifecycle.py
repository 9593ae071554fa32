"""Start and stop of a stack of local processes."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil

from compose import connection_limits
from compose.credentials import Credentials
from compose.errors import StackError
from compose.layout import STATE, Layout, Storage, choose, find
from compose.local import binaries, processes, startup, supervision
from compose.local.files import write_files
from compose.local.stack import Record, Target, attach, read_record, write_record
from compose.local.startup import OnPhase
from compose.locks import exclusive, interruptible
from compose.parts.service import read_facts
from compose.parts.stores import ending_last
from compose.postgres import clusters
from compose.readiness import wait_until
from compose.registry import list_parts
from compose.topology import Topology

_STOP_TIMEOUT_S = 20.0
_SUPERVISOR_STOP_TIMEOUT_S = 5.0


@contextlib.contextmanager
def up(
    topology: Topology,
    *,
    on_phase: OnPhase = lambda _phase: None,
    state: Path = STATE,
    storage: Storage | None = None,
) -> Iterator[Target]:
    """A stack that lives as long as the block, and ends with the caller even when the caller is killed.

    SIGTERM and SIGINT raise KeyboardInterrupt within the block, and are ignored while the stack stops. on_phase gets
    the name of each phase; storage as in layout.choose(). StackError when the stack cannot start; nothing is left.
    """
    with _starting(topology, state, storage) as (layout, programs, ignore_interrupts):
        try:
            yield _begin(topology, layout, programs, on_phase, tied=True)
        finally:
            ignore_interrupts()
            _end(layout)


def start(
    topology: Topology,
    *,
    on_phase: OnPhase = lambda _phase: None,
    state: Path = STATE,
    storage: Storage | None = None,
    fill: Callable[[Target], object] = lambda _target: None,
) -> Target:
    """A stack that outlives the caller, until stop(); StackError when it cannot start, with nothing left behind.

    `fill` is called when the stack runs, and is part of the start: if it fails or is interrupted, the stack stops.
    """
    with _starting(topology, state, storage) as (layout, programs, ignore_interrupts):
        try:
            target = _begin(topology, layout, programs, on_phase, tied=False)
            on_phase("data")
            fill(target)
        except BaseException:
            ignore_interrupts()
            _end(layout)
            raise
        return target


def stop(state: Path = STATE) -> bool:
    """Stop the stack, or remove what a killed one left; False when there was nothing."""
    return _end(find(state))


def running(state: Path = STATE) -> Target | None:
    """The stack that runs, whichever process started it."""
    layout = find(state)
    record = read_record(layout)
    if record is None or not record.is_alive:
        return None
    target = attach(layout, record)
    return replace(target, facts=read_facts(record.topology)) if target.supervisor.answers() else None


@contextlib.contextmanager
def _starting(
    topology: Topology, state: Path, storage: Storage | None
) -> Iterator[tuple[Layout, Mapping[str, str], Callable[[], None]]]:
    """The lock of the state directory, signals as interrupts, and the check that a stack can start here."""
    state.mkdir(parents=True, exist_ok=True)
    refusal = StackError(f"another process runs or starts a stack from {state}")
    with exclusive(state, refusal), interruptible() as ignore_interrupts:
        programs = binaries.locate()
        if running(state):
            raise StackError(f"a stack already runs from {state} (make down)")
        stop(state)
        connection_limits.check(topology)
        startup.check_ports(topology)
        yield choose(state, storage), programs, ignore_interrupts


def _begin(topology: Topology, layout: Layout, programs: Mapping[str, str], on_phase: OnPhase, *, tied: bool) -> Target:
    credentials = Credentials()
    layout.make()
    parts = list_parts(topology, layout, credentials, programs)
    write_files(topology, layout, credentials, parts)
    on_phase("supervisor and database")
    pid = supervision.launch(layout, tied=tied)
    record = Record(topology, credentials, pid, processes.birth(pid))
    write_record(layout, record)
    clusters.initialise(topology, layout, credentials, programs)
    target = attach(layout, record)
    startup.await_supervisor(target.supervisor, layout, lambda: record.is_alive)
    startup.bring_up(topology, layout, credentials, parts, target.supervisor, on_phase, target.environment)
    return replace(target, facts=read_facts(topology))


def _end(layout: Layout) -> bool:
    """Stop the stack in good order if it answers, by force if not; False when there was nothing."""
    record = read_record(layout)
    if record and record.is_alive:
        with contextlib.suppress(StackError):
            _stop_orderly(attach(layout, record))
    left = processes.find(layout, record.pid if record else None)
    processes.end(left)
    anything = bool(record or left or layout.run.exists())
    layout.clear()
    return anything


def _stop_orderly(target: Target) -> None:
    """First the parts that ask others, then those that are asked, then supervisord."""
    parts = target.states().keys()
    last = parts & ending_last(target.topology)
    for names in (parts - last, last):
        target.supervisor.stop(names)
        if not wait_until(partial(_are_down, target, names), _STOP_TIMEOUT_S):
            return
    target.supervisor.shut_down()
    with contextlib.suppress(psutil.Error):
        psutil.Process(target.supervisor_pid).wait(timeout=_SUPERVISOR_STOP_TIMEOUT_S)


def _are_down(target: Target, names: Set[str]) -> bool:
    return not any(state.pid for name, state in target.states().items() if name in names)
