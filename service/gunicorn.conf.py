# ruff: noqa: N999 (the name is gunicorn's)
"""gunicorn's settings for one instance: a master, workers with threads, and metric files by slot.

The address, the number of threads and the number of workers come from the command line.
"""

import gc
from pathlib import Path
from typing import Any

from service.telemetry import multiprocess

worker_class = "gthread"
# gunicorn_h1c where it is installed; /healthz names the parser in use.
http_parser = "auto"
threads = 8
# nginx closes its idle connections after 60 s. gunicorn must not close one while nginx sends a request on it.
keepalive = 75
timeout = 30
graceful_timeout = 10
preload_app = False
accesslog = None
loglevel = "warning"
# Each turn of a worker's main loop touches its heartbeat file. On a disk under load that waits for the journal, and new
# requests wait with it.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
# gunicorn's default is a socket under the user's home, on which several instances would collide.
control_socket_disable = True


def on_starting(_server: Any) -> None:
    """Remove the metrics of an earlier start."""
    multiprocess.remove_files()


def pre_fork(server: Any, worker: Any) -> None:
    """Assign a slot before the fork, so that the master knows it."""
    worker.slot = multiprocess.lowest_free(other.slot for other in server.WORKERS.values())


def post_fork(_server: Any, worker: Any) -> None:
    """Take the slot; the application and its metrics are loaded later."""
    multiprocess.set_slot(worker.slot)


def post_worker_init(_worker: Any) -> None:
    """Exclude everything that is loaded by now from later garbage collections, which pause all threads."""
    gc.collect()
    gc.freeze()


def child_exit(_server: Any, worker: Any) -> None:
    """Remove the gauges of the dead worker."""
    multiprocess.mark_dead(worker.slot)
