"""How much memory each part takes."""

from collections.abc import Iterator, Mapping, Set

import psutil


def measure(pids: Mapping[str, int]) -> dict[str, float]:
    """MB by part, shared pages counted once (PSS); 0 for what has ended.

    A part's children count with it, unless they are parts themselves: supervisord does not count for all of them.
    """
    parts = set(pids.values())
    return {name: sum(_proportional(each) for each in _family(pid, parts)) / 1e6 for name, pid in pids.items()}


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
