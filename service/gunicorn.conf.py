# ruff: noqa: N999 (the name is gunicorn's)
"""How gunicorn serves one instance: one process of threads, and metric files by slot (see telemetry/slots.py).

The address, the number of threads and the number of workers come from the command line.
"""

import gc
from pathlib import Path
from typing import Any

from service.telemetry import slots

worker_class = "service.serving.DirectWorker"
threads = 8
# nginx keeps its connections for 60 s: it is to close them, not we while it sends.
keepalive = 75
timeout = 30
graceful_timeout = 10
preload_app = False
accesslog = None
loglevel = "warning"
# Each turn of a worker's loop touches its heartbeat file. On a disk that somebody else is syncing, this waits for the
# journal, and every request that has just arrived with it. The file is unlinked as soon as it is open.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
# By default a socket under the user's home, on which several instances would collide.
control_socket_disable = True


def on_starting(_server: Any) -> None:
    """Forget the metrics of an earlier start."""
    slots.wipe()


def pre_fork(server: Any, worker: Any) -> None:
    """Give the worker a slot before it is born, so that the master knows it."""
    worker.slot = slots.lowest_free(other.slot for other in server.WORKERS.values())


def post_fork(_server: Any, worker: Any) -> None:
    """Take the slot; the application and its metrics are loaded after this."""
    slots.claim(worker.slot)


def post_worker_init(_worker: Any) -> None:
    """Leave all that is loaded by now out of every later collection, which would hold up all threads to look at it."""
    gc.collect()
    gc.freeze()


def child_exit(_server: Any, worker: Any) -> None:
    """Drop what only the living may report."""
    slots.bury(worker.slot)
