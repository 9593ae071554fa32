"""One instance of the service and its metrics, as a process here."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from compose.layout import CLONE
from tests.ports import free_port

# An app of two lines: it counts once, tells who it is, and waits.
APP = """
import os, time
from prometheus_client import Counter
Counter("made", "Made.").inc()
print(os.environ["LIKESTORM_INSTANCE"], flush=True)
time.sleep(60)
"""


def _start(folder: Path, port: int, *command: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        (sys.executable, "-m", "compose.containers.instance", "app", f"127.0.0.1:{port}", *command),
        cwd=CLONE, env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def _read(port: int, deadline_s: float = 60.0) -> str:
    deadline = time.monotonic() + deadline_s
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=2) as answer:
                return str(answer.read().decode())
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_its_metrics_are_served_beside_it_and_it_is_told_to_end(tmp_path: Path) -> None:
    port = free_port()
    process = _start(tmp_path / "metrics", port, sys.executable, "-c", APP)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("app-")
        assert "made_total 1.0" in _read(port)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 128 + signal.SIGTERM
    finally:
        process.kill()
        process.communicate()


def test_its_exit_status_is_the_instances(tmp_path: Path) -> None:
    with _start(tmp_path, free_port(), sys.executable, "-c", "raise SystemExit(7)") as process:
        assert process.wait(60) == 7


def test_it_wants_a_command(tmp_path: Path) -> None:
    with _start(tmp_path, free_port()) as process:
        assert process.wait(60) == 2
