"""Runs Locust in processes of its own, follows their progress, and reads what they measured."""

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
from typing import IO, NoReturn

import msgspec

from likestorm.errors import LikestormError
from likestorm.generator.plan import MASTER_VARIABLE, PATIENCE_VARIABLE, PLAN_VARIABLE, PROGRESS_VARIABLE, Plan
from likestorm.results.outcome import Outcome
from likestorm.results.progress import Progress

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
START_S = 30.0
STOP_S = 5.0
MASTER_PORT = 5557
"""Where a master listens for workers on other hosts: Locust's default."""
JOIN_S = 300.0
"""A run waits this long for workers on other hosts."""


class GeneratorError(LikestormError):
    """The load generator failed; the message has its last log lines."""


@dataclass(frozen=True)
class GeneratorConfig:
    """The generator's processes: a single one, or a master with workers on this host and on others.

    processes: number of worker processes on this host, 1 and no remote workers for the single process.
    expected: number of remote workers. bind: HOST or HOST:PORT at which the master listens for workers; the default is
    a free port of loopback. web_host, web_port: address of Locust's web UI. csv: prefix of Locust's CSV files.
    """

    processes: int = 1
    expected: int = 0
    bind: str = "127.0.0.1"
    web_port: int | None = None
    web_host: str = "127.0.0.1"
    csv: Path | None = None

    @property
    def workers(self) -> int:
        """The number of workers; 0 for a single process without workers."""
        return self.expected + (self.processes if self.processes > 1 or self.expected else 0)


def run(
    plan: Plan,
    target_url: str,
    log: Path,
    on_start: Callable[[int], None],
    on_progress: Callable[[Progress], None],
    config: GeneratorConfig = GeneratorConfig(),  # frozen
) -> Outcome:
    """Load the target with the plan's arrivals and return what was measured.

    on_start gets each process's pid, first that of the single process or master; on_progress is called once a second.
    Raises GeneratorError.
    """
    scenario = plan.scenario
    patience = JOIN_S if config.expected else START_S
    deadline = patience + scenario.warm_up_s + scenario.duration_s + scenario.drain_s + START_S
    outcome = Path(plan.outcome)
    outcome.unlink(missing_ok=True)
    plan_file = outcome.with_name("plan.json")
    plan_file.write_bytes(msgspec.json.encode(plan))
    with _processes(plan_file, target_url, log, config) as (processes, progress_fd):
        for process in processes:
            on_start(process.pid)
        for line in _lines(progress_fd, deadline):
            progress = msgspec.json.decode(line, type=Progress)
            if progress.failure:
                raise GeneratorError(progress.failure)
            on_progress(progress)
        try:
            status = processes[0].wait(START_S)
        except subprocess.TimeoutExpired:
            raise GeneratorError(f"the generator did not end in time; {_tail(log)}") from None
    if status != 0 or not outcome.exists():
        raise GeneratorError(f"the generator failed with status {status}; {_tail(log)}")
    return msgspec.json.decode(outcome.read_bytes(), type=Outcome)


def join(master: str, patience_s: float) -> NoReturn:
    """Become a worker of the run whose master listens at HOST[:PORT]: this process becomes Locust's.

    The plan comes from the master and names code that runs here. Neither side authenticates the other: join only runs
    on networks that you trust. Raises GeneratorError for a name without an address.
    """
    host, _, port = master.partition(":")
    address, port = _resolve(host, patience_s), port or str(MASTER_PORT)
    variables = {MASTER_VARIABLE: f"{address}:{port}", PATIENCE_VARIABLE: str(patience_s)}
    command = _locust(_worker_arguments(address, port))
    os.execve(command[0], command, _environment(variables))  # noqa: S606  # no shell


def name_processes(pids: dict[str, int]) -> Callable[[int], None]:
    """A function that adds the pids that `run` reports to `pids`, by the processes' names."""

    def add(pid: int) -> None:
        workers = sum(name.startswith("generator-worker") for name in pids)
        pids[f"generator-worker-{workers + 1}" if "generator" in pids else "generator"] = pid

    return add


@contextlib.contextmanager
def _processes(
    plan_file: Path, target_url: str, log: Path, config: GeneratorConfig
) -> Iterator[tuple[list[subprocess.Popen[bytes]], int]]:
    """Locust's processes, the single one or the master first, and the descriptor of its progress; all end with this."""
    read_fd, write_fd = os.pipe()
    host, port = _bind(config.bind)
    variables = {PLAN_VARIABLE: str(plan_file), PROGRESS_VARIABLE: str(write_fd)}
    processes: list[subprocess.Popen[bytes]] = []
    try:
        with log.open("wb") as output:
            processes.append(_start(_first_arguments(config, target_url, host, port), variables, output, [write_fd]))
        os.close(write_fd)
        del variables[PROGRESS_VARIABLE]
        # On this host a master that listens at every address is reached by loopback.
        reached = "127.0.0.1" if host in ("*", "0.0.0.0") else host  # noqa: S104  # nothing is bound here
        for number in range(config.processes if config.workers else 0):
            with log.with_name(f"{log.stem}-worker-{number + 1}.log").open("wb") as output:
                processes.append(_start(_worker_arguments(reached, str(port)), variables, output))
        yield processes, read_fd
    finally:
        for process in processes:
            _stop(process)
        os.close(read_fd)


def _first_arguments(config: GeneratorConfig, target_url: str, host: str, port: int) -> list[str]:
    """Arguments of the single process or of the master."""
    users = str(max(1, config.workers))
    arguments = ["--users", users, "--spawn-rate", users, "--host", target_url, "--only-summary"]
    if config.workers:
        arguments += ["--master", "--master-bind-host", host, "--master-bind-port", str(port)]
        wait = JOIN_S if config.expected else START_S
        arguments += ["--expect-workers", users, "--expect-workers-max-wait", f"{wait:.0f}"]
    if config.web_port:
        arguments += ["--autostart", "--web-host", config.web_host, "--web-port", str(config.web_port)]
    else:
        arguments += ["--headless"]
    return arguments + (["--csv", str(config.csv)] if config.csv else [])


def _worker_arguments(host: str, port: str) -> list[str]:
    return ["--worker", "--master-host", host, "--master-port", port]


def _start(
    arguments: list[str], variables: Mapping[str, str], output: IO[bytes], pass_fds: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        _locust(arguments),
        env=_environment(variables),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        pass_fds=pass_fds,
        start_new_session=True,  # Ctrl-C reaches only this process, which then stops Locust
    )


def _locust(arguments: list[str]) -> list[str]:
    """A command that runs Locust on this package's locustfile."""
    return [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--loglevel", "WARNING", *arguments]


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The environment of a Locust process: the user's code is imported from the current directory.

    Proxies are left out: requests through a proxy would pass the check of the hosts that get load.
    """
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    path = os.pathsep.join(filter(None, [str(Path.cwd()), os.environ.get("PYTHONPATH")]))
    return {**kept, "PYTHONPATH": path, **variables}


def _bind(bind: str) -> tuple[str, int]:
    """The host and port at which a master listens; a free port unless one is given."""
    host, _, port = bind.partition(":")
    if port:
        return host, int(port)
    with socket.socket() as free:
        free.bind(("" if host == "*" else host, 0))
        return host, int(free.getsockname()[1])


def _resolve(host: str, patience_s: float) -> str:
    """The address of a host whose name may not be known yet."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return socket.gethostbyname(host)
        except OSError as error:
            if time.monotonic() > deadline:
                raise GeneratorError(f"the master's host {host}: {error.strerror}") from error
            time.sleep(1)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Terminate a process, and kill it if it does not end."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _lines(fd: int, timeout_s: float) -> Iterator[bytes]:
    """The lines of a pipe until its other end closes; GeneratorError after the timeout."""
    deadline = time.monotonic() + timeout_s
    pending = b""
    while select.select([fd], [], [], max(0.0, deadline - time.monotonic()))[0]:
        chunk = os.read(fd, 65536)
        if not chunk:
            return
        *lines, pending = (pending + chunk).split(b"\n")
        yield from lines
    raise GeneratorError(f"the generator did not end within {timeout_s:.0f} s")


def _tail(log: Path, lines: int = 5) -> str:
    text = log.read_text(errors="replace") if log.exists() else ""
    printed = [line.strip() for line in text.splitlines() if line.strip() and "|" not in line]  # not Locust's tables
    return "its last lines: " + ("; ".join(printed[-lines:]) or "none")
