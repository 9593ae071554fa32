"""A log of another process, read as it grows."""

from collections.abc import Iterator
from pathlib import Path


class GrowingLog:
    """Yields each complete line once, from the log's beginning, so that a restarted collector counts the same."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_bytes = 0

    def new_lines(self) -> Iterator[bytes]:
        """The lines since the last call; OSError when there is no log."""
        with self._path.open("rb") as file:
            file.seek(self._read_bytes)
            for line in file:
                if not line.endswith(b"\n"):
                    return  # its rest is not written yet
                self._read_bytes += len(line)
                yield line
