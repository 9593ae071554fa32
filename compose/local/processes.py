"""Finds and ends a stack's processes without the help of whoever started them."""

import os
from collections.abc import Iterator
from pathlib import Path

import psutil

from compose.layout import Layout
from compose.local.supervision import MARK

# Time to end in good order, before the processes are killed.
GRACE_S = 5.0


def find(layout: Layout, session: int | None) -> list[psutil.Process]:
    """Every process of this stack, except the caller and what called it.

    By the mark in its environment. nginx overwrites its own; it is found by its session, which is the pid of the
    stack's supervisord where that is known, and by working in the run directory.
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
    """Terminate them, kill those that are still there after grace_s, and wait until all are gone."""
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
    """When the process began: with its pid this names it for good."""
    return psutil.Process(pid).create_time()


def is_alive(pid: int, born: float) -> bool:
    """Whether that very process runs, not a later one with its number."""
    try:
        process = psutil.Process(pid)
        return process.create_time() == born and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
