"""Instances of the service under gunicorn, as they are run."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import psutil

from tests.servers import Servers, answers_http, free_port, process

ROOT = Path(__file__).parents[3]
_NOTHING: Mapping[str, str] = MappingProxyType({})


@contextmanager
def gunicorn(
    servers: Servers, metrics: Path, workers: int, settings: Mapping[str, str] = _NOTHING
) -> Iterator[tuple[str, psutil.Process]]:
    """An instance whose metrics are in that folder; its address and its master."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    environment = {**os.environ, **servers.environment(), "PROMETHEUS_MULTIPROC_DIR": str(metrics), **settings}
    command = [
        sys.executable, "-m", "gunicorn", "-c", "service/gunicorn.conf.py", "--bind", f"127.0.0.1:{port}",
        "--workers", str(workers), "--threads", "4", "service.app:from_env()",
    ]  # fmt: skip
    with process(command, lambda: answers_http(f"{url}/healthz"), env=environment, cwd=ROOT) as master:
        yield url, psutil.Process(master.pid)
