"""How much memory each part takes."""

from collections.abc import Iterator, Mapping, Set
from pathlib import Path

import psutil


def measure(pids: Mapping[str, int]) -> dict[str, float]:
    """MB by part, shared pages counted once (PSS); 0 for what has ended.

    A part's children count with it, unless they are parts themselves: supervisord does not count for all of them.
    """
    parts = set(pids.values())
    return {name: sum(_proportional(each) for each in _family(pid, parts)) / 1e6 for name, pid in pids.items()}


def measure_files(folder: Path) -> float:
    """MB that the files below a folder occupy."""
    return sum(_occupied(path) for path in folder.rglob("*")) / 1e6


def _occupied(path: Path) -> int:
    try:
        return path.lstat().st_blocks * 512
    except FileNotFoundError:
        return 0


def _family(pid: int, parts: Set[int]) -> Iterator[psutil.Process]:
    try:
        root = psutil.Process(pid)
        children = root.children()
    except psutil.NoSuchProcess:
        return
    yield root
    for child in children:
        if child.pid not in parts:
            yield from _family(child.pid, parts)


def _proportional(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0
