"""The memory of each part."""

from collections.abc import Mapping
from pathlib import Path

import psutil

from compose.local.processes import families


def measure(pids: Mapping[str, int]) -> dict[str, float]:
    """MB by part, its descendants' included and shared pages counted once (PSS); 0 for a part that has ended."""
    return {name: sum(map(_proportional, processes)) / 1e6 for name, processes in families(pids).items()}


def measure_files(folder: Path) -> float:
    """MB that the files below a folder take."""
    return sum(_occupied(path) for path in folder.rglob("*")) / 1e6


def _occupied(path: Path) -> int:
    try:
        return path.lstat().st_blocks * 512
    except FileNotFoundError:
        return 0


def _proportional(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0
