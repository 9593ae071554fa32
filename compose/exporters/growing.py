"""A log that somebody else writes, read as it grows."""

from collections.abc import Iterator
from pathlib import Path


class GrowingLog:
    """Gives each whole line once, from the log's beginning, so that a collector started anew counts the same."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_bytes = 0

    def new_lines(self) -> Iterator[bytes]:
        """What has been added; OSError when there is no log."""
        with self._path.open("rb") as file:
            file.seek(self._read_bytes)
            for line in file:
                if not line.endswith(b"\n"):
                    return  # the rest of it is still to be written
                self._read_bytes += len(line)
                yield line
