"""Which metric files a gunicorn worker writes: those of its slot, not of its process id.

A worker that takes the place of a dead one goes on with that one's files, so counters neither jump back nor pile up
a set of files for each process there ever was.
"""

import os
from collections.abc import Iterable
from pathlib import Path

_current = 0


def current() -> int:
    """The slot of this process."""
    return _current


def claim(slot: int) -> None:
    """Make `slot` the slot of this process; before the first metric is made."""
    global _current  # noqa: PLW0603 (it belongs to the process, as its id does)
    _current = slot


def lowest_free(taken: Iterable[int]) -> int:
    """The smallest slot that nobody has."""
    used = set(taken)
    return next(slot for slot in range(len(used) + 1) if slot not in used)


def wipe() -> None:
    """Make the directory of metric files, empty; does nothing outside of multiprocess mode."""
    directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if directory:
        Path(directory).mkdir(parents=True, exist_ok=True)
        for file in Path(directory).glob("*.db"):
            file.unlink()


def bury(slot: int) -> None:
    """Drop what only a living process may report, such as requests in flight; counters stay."""
    directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if directory:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(slot, directory)  # type: ignore[no-untyped-call]
