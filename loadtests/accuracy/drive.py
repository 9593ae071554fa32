"""Loads a scripted server with Likestorm or with stock Locust, each in a process of its own."""

from __future__ import annotations

import contextlib
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import psutil
from likestorm.generator import launcher
from likestorm.generator.plan import Plan
from likestorm.results.outcome import Outcome
from likestorm.scenario import Budgets, Scenario
from likestorm.scenario.schedule import Shape, arrivals
from likestorm.scenario.workload import ArrivalPlan
from msgspec import Struct

from loadtests.accuracy.script import Behaviour
from loadtests.accuracy.server import Log, Orders

ROOT = Path(__file__).parents[2]
STOCK_VARIABLE = "LIKESTORM_STOCK"
STOCKFILE = Path(__file__).with_name("stock.py")
CPU_PERIOD_S = 0.1
END_S = 60.0
NAME = "visit"


class DriveError(Exception):
    """The scripted server or stock Locust failed; the message says which one and how."""


class Load(Struct, frozen=True):
    """Arrivals a second and their schedule, the duration in seconds, and the most virtual users."""

    rate: float
    shape: Shape
    seconds: float
    users_max: int = 4096
    seed: int = 1

    def due(self) -> list[float]:
        """The due time of each arrival, in seconds after the start."""
        return [arrival.due for arrival in arrivals({NAME: self.plan().course(0.0, self.seconds)}, self.seed)]

    def plan(self) -> ArrivalPlan:
        """The load as a scenario states it."""
        return ArrivalPlan(rate=self.rate, schedule=self.shape, steps=[NAME])


class Stock(Struct, frozen=True):
    """A run of stock Locust: users, requests a second of each user (0: without a wait), and the duration."""

    users: int
    user_rate: float
    seconds: float
    realtime: bool
    outcome: str


class Reported(Struct, frozen=True):
    """What a load generator reports: requests, failures, and p50, p95, p99, p99.9 in ms."""

    count: int
    failures: int
    percentiles_ms: tuple[float | None, ...]


class Watched(Struct, frozen=True):
    """CPU seconds of a process over time (perf_counter seconds)."""

    times: list[float]
    cpu: list[float]


class Driven(Struct, frozen=True):
    """One run: the generator's report, the server's log, the generator's CPU time, and Likestorm's dispatch lag."""

    reported: Reported
    log: Log
    watched: Watched
    lag_p99_ms: float | None = None


def likestorm(load: Load, behaviour: Behaviour, folder: Path, *, realtime: bool = True) -> Driven:
    """Run Likestorm's open-model arrivals. Raises GeneratorError, DriveError."""
    scenario = Scenario(
        name="accuracy",
        description="Accuracy of the generator.",
        users="loadtests.accuracy.visitors:Visitor",
        arrivals={NAME: load.plan()},
        budgets=Budgets(),
        seed=load.seed,
        warm_up_s=0.0,
        duration_s=load.seconds,
        users_max=load.users_max,
        queue_timeout_s=END_S,
        drain_s=END_S,
    )
    plan = Plan(scenario, "accuracy", "", realtime, "", str(folder / "outcome.json"), str(folder / "hdr"))
    due = load.due()
    with _server(Orders(behaviour, due, len(due)), folder) as (url, logs), _watch() as (watch, watched):
        outcome = launcher.run(plan, url, folder / "generator.log", watch, lambda _: None)
    return Driven(_reported(outcome), logs[0], watched[0], outcome.generator.dispatch_lag_ms.p99)


def stock_locust(
    users: int, user_rate: float, seconds: float, behaviour: Behaviour, folder: Path, *, realtime: bool = True
) -> Driven:
    """Run stock Locust. Raises DriveError."""
    outcome = folder / "stock.json"
    outcome.unlink(missing_ok=True)
    stock = Stock(users, user_rate, seconds, realtime, str(outcome))
    orders = Orders(behaviour, [], 1 + int(1.2 * seconds * users * user_rate))
    with _server(orders, folder) as (url, logs), _watch() as (watch, watched):
        command = [
            sys.executable, "-m", "locust", "-f", str(STOCKFILE), "--headless", "--host", url, "--only-summary",
            "--users", str(users), "--spawn-rate", str(users), "--run-time", f"{math.ceil(seconds)}s",
            "--stop-timeout", f"{END_S:g}", "--loglevel", "WARNING",
        ]  # fmt: skip
        environment = os.environ | {
            STOCK_VARIABLE: msgspec.json.encode(stock).decode(),
            "PYTHONPATH": str(ROOT),
        }
        with (folder / "stock.log").open("wb") as output:
            process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            watch(process.pid)
            process.wait(seconds + 2 * END_S)
        finally:
            process.kill()
            process.wait()
    if not outcome.exists():
        last = " ".join((folder / "stock.log").read_text(errors="replace").splitlines()[-3:])
        raise DriveError(f"stock Locust ended with status {process.returncode}: {last}")
    return Driven(msgspec.json.decode(outcome.read_bytes(), type=Reported), logs[0], watched[0])


def _reported(outcome: Outcome) -> Reported:
    requests = outcome.requests[NAME]
    times = requests.response_time_ms
    return Reported(requests.count, requests.failures, (times.p50, times.p95, times.p99, times.p99_9))


@contextlib.contextmanager
def _server(orders: Orders, folder: Path) -> Iterator[tuple[str, list[Log]]]:
    """The scripted server's URL, and a list that gets its log at the end of this context."""
    file, log = folder / "orders.json", folder / "server.json"
    file.write_bytes(msgspec.json.encode(orders))
    command = [sys.executable, "-m", "loadtests.accuracy.server", str(file), str(log)]
    logs: list[Log] = []
    read_fd, write_fd = os.pipe()
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=write_fd) as process:
        os.close(write_fd)
        try:
            with os.fdopen(read_fd) as output:
                port = output.readline().strip()
            if not port:
                raise DriveError(f"the scripted server ended with status {process.wait()}")
            yield f"http://127.0.0.1:{port}", logs
            process.communicate(timeout=END_S)
            logs.append(msgspec.json.decode(log.read_bytes(), type=Log))
        finally:
            process.kill()


@contextlib.contextmanager
def _watch() -> Iterator[tuple[Callable[[int], None], list[Watched]]]:
    """A function that watches a pid, and a list that gets the CPU times at the end of this context."""
    stop = threading.Event()
    times: list[float] = []
    cpu: list[float] = []

    def look(pid: int) -> None:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            while not stop.wait(CPU_PERIOD_S):
                used = process.cpu_times()
                times.append(time.perf_counter())
                cpu.append(used.user + used.system)

    threads: list[threading.Thread] = []

    def watch(pid: int) -> None:
        threads.append(threading.Thread(target=look, args=(pid,), daemon=True))
        threads[-1].start()

    watched: list[Watched] = []
    try:
        yield watch, watched
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        watched.append(Watched(times, cpu))
