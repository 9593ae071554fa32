"""Memory of the parts of a run, with pages shared by processes counted once."""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from pathlib import Path

import psutil

FIRST_S, PERIOD_S = 5.0, 15.0
SHARE = 0.02
"""The most CPU that the watch may take, as a share of one core; with many processes it measures less often."""
LOWEST_PRIORITY = 19
FILES = "data in memory"


class MemoryWatch:
    """Measures process trees periodically and at the end, in its own thread, and keeps the peak of each tree.

    pids: the root process of each part; the memory of a part is the proportional set size (PSS) of its whole tree.
    files: a folder in memory; its files count as the part `FILES`.
    """

    def __init__(self, pids: Callable[[], Mapping[str, int]], files: Path | None = None) -> None:
        self._pids, self._files = pids, files
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)
        self.peak_mb: dict[str, float] = {}

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        # One measurement takes a tenth of a second of CPU, which must not disturb the run.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST_PRIORITY)
        wait, over = FIRST_S, False
        while not over:
            over = self._stop.wait(wait)
            before = time.thread_time()
            self._measure()
            wait = max(PERIOD_S, (time.thread_time() - before) / SHARE)

    def _measure(self) -> None:
        files = {FILES: measure_files(self._files)} if self._files else {}
        for part, megabytes in (measure(self._pids()) | files).items():
            self.peak_mb[part] = max(self.peak_mb.get(part, 0.0), round(megabytes, 1))


def measure(pids: Mapping[str, int]) -> dict[str, float]:
    """MB by part (PSS); 0 for a process that has ended.

    A child process belongs to its parent's part, unless it is a part itself: supervisord does not count for all.
    """
    parts = set(pids.values())
    children = _children()
    return {name: sum(map(_proportional, _family(pid, children, parts))) / 1e6 for name, pid in pids.items()}


def measure_files(folder: Path) -> float:
    """MB that the files below a folder occupy."""
    return sum(_occupied(path) for path in folder.rglob("*")) / 1e6


def _occupied(path: Path) -> int:
    try:
        return path.lstat().st_blocks * 512
    except FileNotFoundError:
        return 0


def _children() -> Mapping[int, Sequence[int]]:
    """The children of every process. psutil scans all processes to find the children of one, so this scans once."""
    children = defaultdict(list)
    for process in psutil.process_iter(["ppid"]):
        children[process.info["ppid"]].append(process.pid)
    return children


def _family(pid: int, children: Mapping[int, Sequence[int]], parts: Set[int]) -> Iterator[int]:
    yield pid
    for child in children.get(pid, ()):
        if child not in parts:
            yield from _family(child, children, parts)


def _proportional(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_full_info().pss)
    except psutil.Error:
        return 0
