"""Which metric files a process of the service writes: the files of its slot, not of its process id.

A worker that replaces a dead one continues the dead one's files, so counters never go back and files do not accumulate.
"""

import os
from collections.abc import Iterable
from pathlib import Path

_slot = 0


def slot() -> int:
    """The slot of this process."""
    return _slot


def set_slot(number: int) -> None:
    """Make `number` the slot of this process; call it before the first metric is made."""
    global _slot  # noqa: PLW0603 (a slot belongs to the process, as a process id does)
    _slot = number


def lowest_free(taken: Iterable[int]) -> int:
    """The smallest slot that is not in `taken`."""
    used = set(taken)
    return next(number for number in range(len(used) + 1) if number not in used)


def remove_files() -> None:
    """Create the directory of metric files, or empty it; does nothing outside of multiprocess mode."""
    directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if directory:
        Path(directory).mkdir(parents=True, exist_ok=True)
        for file in Path(directory).glob("*.db"):
            file.unlink()


def mark_dead(number: int) -> None:
    """Remove the gauges of a slot whose process has ended, such as its requests in flight; counters stay."""
    directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if directory:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(number, directory)  # type: ignore[no-untyped-call]
