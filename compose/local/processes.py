"""Finds and ends a stack's processes, also after their supervisor has died."""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

from compose.layout import Layout
from compose.local.supervision import MARK

# Processes have this long to end in good order before they are killed.
GRACE_S = 5.0


def find(layout: Layout, session: int | None) -> list[psutil.Process]:
    """Every process of this stack, except the caller and the caller's parents.

    A process is known by the mark in its environment. nginx overwrites its environment: it is known by its session,
    the pid of the stack's supervisord, and by its working directory in the run folder.
    """
    this = psutil.Process()
    mine = {process.pid for process in (this, *this.parents())}
    found = {process.pid: process for process in _marked(layout, session) if process.pid not in mine}
    for process in tuple(found.values()):
        try:
            found |= {child.pid: child for child in process.children(recursive=True)}
        except psutil.Error:
            continue
    return list(found.values())


def _marked(layout: Layout, session: int | None) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            marked = process.environ().get(MARK) == str(layout.state)
            if marked or (os.getsid(process.pid) == session and Path(process.cwd()).is_relative_to(layout.run)):
                yield process
        except (psutil.Error, OSError):
            continue


def end(processes: list[psutil.Process], grace_s: float = GRACE_S) -> None:
    """Terminate the processes, kill those that still run after grace_s, and wait until all are gone."""
    for process in processes:
        _send(process, "terminate")
    _, alive = psutil.wait_procs(processes, timeout=grace_s)
    for process in alive:
        _send(process, "kill")
    psutil.wait_procs(alive, timeout=GRACE_S)


def _send(process: psutil.Process, action: str) -> None:
    try:
        getattr(process, action)()
    except psutil.NoSuchProcess:
        return


def birth(pid: int) -> float:
    """The start time of the process; with the pid it identifies the process."""
    return psutil.Process(pid).create_time()


def is_alive(pid: int, born: float) -> bool:
    """Whether this process runs, not a later one with the same pid."""
    try:
        process = psutil.Process(pid)
        return process.create_time() == born and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def families(pids: Mapping[str, int]) -> dict[str, list[psutil.Process]]:
    """The processes of each part, by one pass over the process table; none for a part that has ended.

    A process's descendants belong to its part, unless they are parts themselves.
    """
    processes = {process.pid: process for process in psutil.process_iter(["ppid"])}
    children: defaultdict[int, list[int]] = defaultdict(list)
    for pid, process in processes.items():
        children[process.info["ppid"]].append(pid)
    roots = set(pids.values())

    def family(pid: int) -> Iterator[psutil.Process]:
        yield processes[pid]
        for child in children[pid]:
            if child not in roots:
                yield from family(child)

    return {name: list(family(pid)) if pid in processes else [] for name, pid in pids.items()}
