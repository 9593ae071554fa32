"""The service's own metrics, one instance a path, and whether the instance is alive."""

from pathlib import Path

import psutil
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from compose.local.supervision import MARK


class Instance:
    """One app or worker instance: its metrics directory, and its main process."""

    def __init__(self, stack: str, name: str, folder: Path) -> None:
        self._stack = stack
        self._name = name
        self._folder = folder
        self._main: psutil.Process | None = None

    def is_alive(self) -> bool:
        """Whether its main process runs; the process table is searched only after it was lost."""
        if self._main is None or not self._main.is_running():
            self._main = self._find()
        return self._main is not None and self._main.status() != psutil.STATUS_ZOMBIE

    def expose(self) -> bytes:
        """The metrics of its processes, in Prometheus' text format."""
        return expose(self._folder)

    def _find(self) -> psutil.Process | None:
        """The oldest of its processes: gunicorn's master is older than its workers."""
        mine = [process for process in psutil.process_iter() if self._owns(process)]
        return min(mine, key=lambda process: process.create_time(), default=None)

    def _owns(self, process: psutil.Process) -> bool:
        try:
            environment = process.environ()
        except (psutil.Error, OSError):
            return False
        return environment.get(MARK) == self._stack and environment.get("LIKESTORM_INSTANCE") == self._name


def expose(folder: Path) -> bytes:
    """The metrics that processes keep in the files of a folder, in Prometheus' text format; empty without a folder.

    FileNotFoundError or struct.error where a process removes or creates a file at this moment.
    """
    registry = CollectorRegistry()
    if folder.is_dir():
        MultiProcessCollector(registry, str(folder))  # type: ignore[no-untyped-call]
    return generate_latest(registry)
