"""The memory of each part."""

from collections.abc import Mapping

import psutil

from compose.local.processes import families


def measure(pids: Mapping[str, int]) -> dict[str, float]:
    """MB by part, its descendants' included and shared pages counted once (PSS); 0 for a part that has ended."""
    return {name: sum(map(_proportional, processes)) / 1e6 for name, processes in families(pids).items()}


def _proportional(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0
