"""Runs Locust in a process of its own, follows its progress, and reads what it measured."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from likestorm.errors import LikestormError
from likestorm.generator.plan import PLAN_VARIABLE, PROGRESS_VARIABLE, Plan, Progress
from likestorm.generator.remote import Hosts, Watch
from likestorm.results.outcome import Outcome

ROOT = Path(__file__).parents[3]
LOCUSTFILE = Path(__file__).with_name("locustfile.py")
START_S = 30.0
STOP_S = 5.0
MASTER_PORT = 5557
"""Where workers from elsewhere are awaited; Locust's own choice."""
JOIN_S = 300.0
"""So long a run waits for workers from elsewhere."""


class SwarmError(LikestormError):
    """The load generator failed; the message has its last log lines."""


@dataclass(frozen=True)
class Crew:
    """The processes that make the load: one, or so many workers here and expected from elsewhere under one that leads.

    bind: HOST or HOST:PORT at which the leading one listens for workers; loopback and any free port unless given.
    web_port: where Locust's web UI is shown, on web_host. csv: prefix of the files that Locust writes as it goes.
    hosts: where workers are started over ssh; they are among those expected.
    """

    processes: int = 1
    expected: int = 0
    bind: str = "127.0.0.1"
    web_port: int | None = None
    web_host: str = "127.0.0.1"
    csv: Path | None = None
    hosts: Hosts | None = None

    @property
    def workers(self) -> int:
        """How many workers there will be; 0 where one process does it all."""
        return self.expected + (self.processes if self.processes > 1 or self.expected else 0)


def run(
    plan: Plan,
    target_url: str,
    log: Path,
    on_start: Callable[[int], None],
    on_progress: Callable[[Progress], None],
    crew: Crew = Crew(),  # frozen
) -> Outcome:
    """Drive the target with the plan's arrivals and return what was measured.

    on_start is called with each process's pid, the leading one's first, on_progress once a second. Raises SwarmError.
    """
    scenario = plan.scenario
    waited = JOIN_S if crew.expected else START_S
    deadline = waited + scenario.warm_up_s + scenario.duration_s + scenario.drain_s + START_S
    outcome = Path(plan.outcome)
    outcome.unlink(missing_ok=True)
    plan_file = outcome.with_name("plan.json")
    plan_file.write_bytes(msgspec.json.encode(plan))
    with (
        _locust(plan_file, target_url, log, crew) as (processes, progress_fd),
        _elsewhere(crew.hosts, log, processes[0]) as watch,
    ):
        for process in processes:
            on_start(process.pid)
        for line in _lines(progress_fd, deadline):
            progress = msgspec.json.decode(line, type=Progress)
            if progress.failure:
                raise SwarmError(progress.failure)
            watch.has_begun = True
            on_progress(progress)
        status = _ended(processes, log)
    if status != 0 or not outcome.exists():
        raise SwarmError(f"the swarm failed with status {status}; {_tail(log)}")
    return msgspec.json.decode(outcome.read_bytes(), type=Outcome)


def _elsewhere(
    hosts: Hosts | None, log: Path, leading: subprocess.Popen[bytes]
) -> contextlib.AbstractContextManager[Watch]:
    """Workers on other hosts, if there are to be any."""
    if hosts is None:
        return contextlib.nullcontext(Watch(log.parent, lambda: None))
    return hosts.at_work(log.parent, lambda: stop(leading), JOIN_S)


def name_processes(pids: dict[str, int]) -> Callable[[int], None]:
    """Notes the pids that `run` tells, under the names of their parts."""

    def note(pid: int) -> None:
        workers = sum(name.startswith("swarm-worker") for name in pids)
        pids[f"swarm-worker-{workers + 1}" if "swarm" in pids else "swarm"] = pid

    return note


def _ended(processes: list[subprocess.Popen[bytes]], log: Path) -> int:
    """The leading process's exit status; the others end soon after it."""
    try:
        return processes[0].wait(START_S)
    except subprocess.TimeoutExpired:
        raise SwarmError(f"the swarm did not end in time; {_tail(log)}") from None


@contextlib.contextmanager
def _locust(
    plan_file: Path, target_url: str, log: Path, crew: Crew
) -> Iterator[tuple[list[subprocess.Popen[bytes]], int]]:
    """Locust's processes, the leading one first, and the descriptor on which it reports; none outlives this context."""
    read_fd, write_fd = os.pipe()
    host, port = _bind(crew.bind)
    told = {PLAN_VARIABLE: str(plan_file), PROGRESS_VARIABLE: str(write_fd)}
    processes: list[subprocess.Popen[bytes]] = []
    try:
        with log.open("wb") as output:
            processes.append(_start(_leading(crew, target_url, host, port), told, output, [write_fd]))
        os.close(write_fd)
        del told[PROGRESS_VARIABLE]
        for number in range(crew.processes if crew.workers else 0):
            with log.with_name(f"swarm-worker-{number + 1}.log").open("wb") as output:
                processes.append(_start(worker_arguments(_reach(host), port), told, output))
        yield processes, read_fd
    finally:
        for process in processes:
            stop(process)
        os.close(read_fd)


def _leading(crew: Crew, target_url: str, host: str, port: int) -> list[str]:
    """Arguments of the process that leads, or does it all."""
    users = str(max(1, crew.workers))
    arguments = ["--users", users, "--spawn-rate", users, "--host", target_url, "--only-summary"]
    if crew.workers:
        arguments += ["--master", "--master-bind-host", host, "--master-bind-port", str(port)]
        wait = JOIN_S if crew.expected else START_S
        arguments += ["--expect-workers", users, "--expect-workers-max-wait", f"{wait:.0f}"]
    if crew.web_port:
        arguments += ["--autostart", "--web-host", crew.web_host, "--web-port", str(crew.web_port)]
    else:
        arguments += ["--headless"]
    return arguments + (["--csv", str(crew.csv)] if crew.csv else [])


def worker_arguments(host: str, port: int) -> list[str]:
    """Arguments of a process that works for the one that leads, which listens there."""
    return ["--worker", "--master-host", host, "--master-port", str(port)]


def _start(
    arguments: list[str], told: Mapping[str, str], output: IO[bytes], pass_fds: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        locust_command(arguments),
        env=locust_environment(told),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        pass_fds=pass_fds,
        start_new_session=True,  # Ctrl-C reaches only the front, which then ends the swarm
    )


def locust_command(arguments: list[str]) -> list[str]:
    """A command that runs Locust on this package's locustfile."""
    return [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--loglevel", "WARNING", *arguments]


def locust_environment(told: Mapping[str, str]) -> dict[str, str]:
    """The environment of a Locust process: a proxy would take the load past every check of where it goes."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**kept, "PYTHONPATH": path, **told}


def _bind(bind: str) -> tuple[str, int]:
    """Where to listen for workers, a free port unless one is given."""
    host, _, port = bind.partition(":")
    if port:
        return host, int(port)
    with socket.socket() as free:
        free.bind(("" if host == "*" else host, 0))
        return host, int(free.getsockname()[1])


def _reach(host: str) -> str:
    """How workers on this machine reach what listens there."""
    return "127.0.0.1" if host in ("*", "0.0.0.0") else host  # noqa: S104  # nothing is bound here


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process, by force where it does not go."""
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
