"""Which of two sides answers: a byte in a file that every process of a measurement maps into its memory."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Self

SAME = "OBSERVING_SAME"
"""The variable that is set where both sides are to be alike."""


class Switch:
    """One byte, 0 or 1, seen by all processes as soon as it is set."""

    FILE = "OBSERVING_SWITCH"
    """The variable that names the file."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._byte = mmap.mmap(file.fileno(), 1)

    @classmethod
    def create(cls, path: Path) -> Self:
        """A new one; side 0 answers."""
        path.write_bytes(b"\0")
        return cls(path)

    def side(self) -> int:
        """Which side answers."""
        return self._byte[0]

    def turn(self, side: int) -> None:
        """Let this side answer from now on."""
        self._byte[0] = side
