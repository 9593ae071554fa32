"""The memory of each part."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path

import psutil


def measure(pids: Mapping[str, int]) -> dict[str, float]:
    """MB by part, shared pages counted once (PSS); 0 for a part that has ended.

    A part's children count with it, unless they are parts themselves.
    """
    parts = set(pids.values())
    children = _children()
    return {name: sum(map(_proportional, _family(pid, children, parts))) / 1e6 for name, pid in pids.items()}


def measure_files(folder: Path) -> float:
    """MB that the files below a folder take."""
    return sum(_occupied(path) for path in folder.rglob("*")) / 1e6


def _occupied(path: Path) -> int:
    try:
        return path.lstat().st_blocks * 512
    except FileNotFoundError:
        return 0


def _children() -> Mapping[int, Sequence[int]]:
    """The children of every process, by one pass over the process table; psutil makes a pass for each process."""
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
