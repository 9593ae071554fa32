"""Runs Locust in a process of its own, follows its progress, and reads what it measured."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from loadtests.plan import PLAN_VARIABLE, PROGRESS_VARIABLE, Outcome, Plan, Progress

ROOT = Path(__file__).parent.parent
LOCUSTFILE = Path(__file__).with_name("locustfile.py")
START_S = 30.0
STOP_S = 5.0


class SwarmError(Exception):
    """The load generator failed; the message has its last log lines."""


def run(
    plan: Plan, target_url: str, log: Path, on_start: Callable[[int], None], on_progress: Callable[[Progress], None]
) -> Outcome:
    """Drive the target with the plan's arrivals and return what was measured.

    on_start is called with the swarm's pid, on_progress once a second. Raises SwarmError.
    """
    scenario = plan.scenario
    deadline = START_S + scenario.warm_up_s + scenario.duration_s + scenario.drain_s + START_S
    outcome = Path(plan.outcome)
    outcome.unlink(missing_ok=True)
    plan_file = outcome.with_name("plan.json")
    plan_file.write_bytes(msgspec.json.encode(plan))
    with _locust(plan_file, target_url, log) as (process, progress_fd):
        on_start(process.pid)
        for line in _lines(progress_fd, deadline):
            on_progress(msgspec.json.decode(line, type=Progress))
        try:
            process.wait(START_S)
        except subprocess.TimeoutExpired:
            raise SwarmError(f"the swarm did not end in time; {_tail(log)}") from None
    if process.returncode != 0 or not outcome.exists():
        raise SwarmError(f"the swarm failed with status {process.returncode}; {_tail(log)}")
    return msgspec.json.decode(outcome.read_bytes(), type=Outcome)


@contextlib.contextmanager
def _locust(plan_file: Path, target_url: str, log: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Locust's process and the descriptor on which it reports; it never outlives this context."""
    read_fd, write_fd = os.pipe()
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--users", "1", "--spawn-rate", "1"]
    command += ["--host", target_url, "--only-summary", "--loglevel", "WARNING"]
    environment = os.environ | {
        PLAN_VARIABLE: str(plan_file),
        PROGRESS_VARIABLE: str(write_fd),
        "PYTHONPATH": str(ROOT),
    }
    try:
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[write_fd],
                start_new_session=True,  # Ctrl-C reaches only the front, which then ends the swarm
            )
    finally:
        os.close(write_fd)
    try:
        yield process, read_fd
    finally:
        _stop(process)
        os.close(read_fd)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _lines(fd: int, timeout_s: float) -> Iterator[bytes]:
    """Lines from a pipe until its other end closes; SwarmError after so many seconds."""
    deadline = time.monotonic() + timeout_s
    pending = b""
    while select.select([fd], [], [], max(0.0, deadline - time.monotonic()))[0]:
        chunk = os.read(fd, 65536)
        if not chunk:
            return
        *lines, pending = (pending + chunk).split(b"\n")
        yield from lines
    raise SwarmError(f"the swarm did not end within {timeout_s:.0f} s")


def _tail(log: Path, lines: int = 5) -> str:
    text = log.read_text(errors="replace") if log.exists() else ""
    said = [line.strip() for line in text.splitlines() if line.strip() and "|" not in line]  # not Locust's tables
    return "its last lines: " + ("; ".join(said[-lines:]) or "none")
