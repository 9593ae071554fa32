"""What a run of these tests has in podman, by the names that its project gives; the next run clears what was left."""

import os
import re

from compose.containers.engine import Engine

_NAME = "likestorm-test-"
PROJECT = f"{_NAME}{os.getpid()}"
"""This run's own: what a run that was killed left is never in the way."""

# In the order in which they can be removed: who uses something goes first.
_KINDS = {
    ("ps", "-a", "--format", "{{.Names}}"): ("rm", "--force", "--time", "0"),
    ("volume", "ls", "--format", "{{.Name}}"): ("volume", "rm", "--force"),
    ("network", "ls", "--format", "{{.Name}}"): ("network", "rm", "--force"),
}


def names(engine: Engine) -> list[str]:
    """The containers, volumes and networks of this run."""
    return [name for listing in _KINDS for name in engine.run(listing).split() if _owner(name) == os.getpid()]


def clear(engine: Engine) -> None:
    """Remove what was made by processes that are no more: they were killed before they could."""
    for listing, removal in _KINDS.items():
        left = [name for name in engine.run(listing).split() if (owner := _owner(name)) and not _lives(owner)]
        if left:
            engine.run((*removal, *left))


def _owner(name: str) -> int | None:
    """The process that made what has this name, where it is of such a run."""
    found = re.match(rf"{_NAME}(\d+)[_-]", name)
    return int(found[1]) if found else None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
