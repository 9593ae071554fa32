"""A real Prometheus that scrapes only itself."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from tests.ports import free_port

READY_WITHIN_S = 60.0


@contextmanager
def scraping_itself(folder: Path) -> Iterator[str]:
    """Its URL, once it has a second of scrapes (a question about just now has an answer); data in folder / data."""
    port = free_port()
    config = folder / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 200ms}\n"
        f"scrape_configs: [{{job_name: self, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]\n"
    )
    command = [
        "prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}", "--web.enable-admin-api",
        f"--web.listen-address=127.0.0.1:{port}", "--log.level=error",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        url = f"http://127.0.0.1:{port}"
        try:
            _await_second_of_scrapes(url)
            yield url
        finally:
            running.terminate()
            running.wait(60)


def _await_second_of_scrapes(url: str) -> None:
    end = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < end:
        try:
            if requests.get(f"{url}/api/v1/query", {"query": "up offset 1s == 1"}, timeout=1).json()["data"]["result"]:
                return
        except (requests.ConnectionError, ValueError, KeyError):
            pass
        time.sleep(0.05)
    raise TimeoutError("Prometheus did not scrape itself for a second")
