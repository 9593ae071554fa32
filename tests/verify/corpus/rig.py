"""Carries out one run of the corpus on the scripted target: drives, scrapes, audits and judges it."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.request import urlopen

import msgspec
import yaml
from likestorm.generator import launcher
from likestorm.generator.launcher import GeneratorConfig
from likestorm.generator.plan import Plan
from likestorm.results import reconciliation
from likestorm.results.collect import Readings, collect
from likestorm.results.outcome import Outcome
from likestorm.results.progress import Progress
from likestorm.results.prometheus import Prometheus, PrometheusError
from likestorm.results.reconciliation import Counting, PromqlHop
from likestorm.results.record import Record
from likestorm.results.record.document import save
from likestorm.results.record.verdict import Verdict
from likestorm.results.running import ExpectedScrape, Running
from likestorm.scenario import Budgets, ErrorBudget, Limits, PercentileBudget, Scenario
from likestorm.scenario.workload import ArrivalPlan
from likestorm.verdict.judge import judge

from tests.servers import free_port
from tests.verify.corpus.service import Behaviour

ROOT = Path(__file__).parents[3]
HOPS = [PromqlHop("front", "front_requests_total"), PromqlHop("app", "app_requests_total")]
READY_S = 20.0
WARM_UP_S, DURATION_S = 1.0, 4.0
SOUND = Behaviour()
SCRAPE_GAP_S = 4.0
"""A scrape a second, of which a busy machine may miss some: only runs that are about scraping last longer than this."""


@dataclass
class Bench:
    """What a meddler may spoil while a run goes on: the generator's processes, Prometheus, and the target itself."""

    url: str
    prometheus_pid: int
    swarm_pids: list[int] = field(default_factory=list)


Meddler = Callable[[Bench], None]


class Skipped(Exception):  # noqa: N818  # no error: this machine cannot have the fault
    """A fault that cannot be made here, and why."""


@dataclass(frozen=True)
class Case:
    """A run and what must be said of it.

    expects: the check that must fail, or the status of a verdict in which no check fails. also: further checks that
    the same fault may fail. meddle: what is done once the window has begun; on_start: with each pid of the generator.
    """

    name: str
    expects: str
    also: tuple[str, ...] = ()
    users: str = "visitors:Visitor"
    behaviour: Behaviour = SOUND
    steps: tuple[str, ...] = ("save",)
    rate: float = 40.0
    looks: float = 10.0
    duration_s: float = DURATION_S
    scenario: dict[str, float] = field(default_factory=dict)
    realtime: bool = True
    processes: int = 1
    meddle: Meddler | None = None
    on_start: Callable[[int], None] | None = None


def carry_out(case: Case, folder: Path) -> tuple[Record, Verdict]:
    """Run it and judge it; Skipped where this machine cannot have its fault."""
    folder.mkdir(parents=True)
    with _service(case.behaviour) as (port, status_port), _prometheus(folder, status_port) as (prometheus, pid):
        bench = Bench(f"http://127.0.0.1:{port}", pid)
        scenario = _scenario(case)
        before = reconciliation.begin(Counting(prometheus, HOPS))
        outcome = _drive(case, scenario, bench, folder)
        counted = reconciliation.end(before, outcome, bench.url)
        with urlopen(f"http://127.0.0.1:{status_port}/ids") as answer:
            stored = json.load(answer)
        running = Running(bench.url)
        running.prometheus = prometheus.url
        running.scrapes = [ExpectedScrape("corpus", "target", is_instrument=True)]
        record = collect(scenario, running, outcome, Readings(stored, reconciliation=counted), {})
    verdict = judge(record, scenario)
    save(replace(record, verdict=verdict), folder / "record.json")
    return record, verdict


def _scenario(case: Case) -> Scenario:
    name = "walk" if len(case.steps) > 1 else case.steps[0]
    arrivals = {name: ArrivalPlan(schedule="poisson", rate=case.rate, steps=list(case.steps))}
    if case.looks:
        arrivals["look"] = ArrivalPlan(schedule="constant", rate=case.looks, steps=["look"])
    options: dict[str, float] = {"warm_up_s": WARM_UP_S, "drain_s": 4.0, "queue_timeout_s": 3.0, "users_max": 64}
    return Scenario(
        name=case.name,
        description="of the corpus",
        users=f"tests.verify.corpus.{case.users}",
        arrivals=arrivals,
        budgets=Budgets(
            percentiles=[PercentileBudget("save p90", "save", 90, 1.0)],
            errors=[ErrorBudget("errors", 0.1)],
        ),
        limits=Limits(scrape_gap_s=SCRAPE_GAP_S),
        duration_s=case.duration_s,
        **(options | case.scenario),  # type: ignore[arg-type]
    )


def _drive(case: Case, scenario: Scenario, bench: Bench, folder: Path) -> Outcome:
    meddling: list[threading.Thread] = []

    def started(pid: int) -> None:
        bench.swarm_pids.append(pid)
        if case.on_start:
            case.on_start(pid)

    def progressed(progress: Progress) -> None:
        if case.meddle and not meddling and progress.phase == "measure":
            meddling.append(threading.Thread(target=case.meddle, args=(bench,)))
            meddling[0].start()

    run_id = f"r{time.time_ns()}"
    plan = Plan(scenario, run_id, "", case.realtime, "", str(folder / "generator.json"), str(folder / "hdr"))
    plan = msgspec.structs.replace(plan, workers=case.processes if case.processes > 1 else 0)
    try:
        return launcher.run(
            plan, bench.url, folder / "generator.log", started, progressed, GeneratorConfig(case.processes)
        )
    finally:
        for thread in meddling:
            thread.join()


@contextmanager
def _service(behaviour: Behaviour) -> Iterator[tuple[int, int]]:
    """The scripted target's ports."""
    command = [sys.executable, "-m", "tests.verify.corpus.service", msgspec.json.encode(behaviour).decode()]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port, status_port = json.loads(process.stdout.readline())
        yield port, status_port
    finally:
        process.kill()
        process.communicate()


@contextmanager
def _prometheus(folder: Path, status_port: int) -> Iterator[tuple[Prometheus, int]]:
    """A Prometheus that scrapes the status page every second, and has begun to, and its pid."""
    static = [{"targets": [f"127.0.0.1:{status_port}"], "labels": {"instance": "target"}}]
    jobs = [{"job_name": "corpus", "scrape_interval": "1s", "scrape_timeout": "1s", "static_configs": static}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump({"scrape_configs": jobs}))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb"]
    # It would look for what to scrape every five seconds, and a window that began before that would begin with a gap.
    command += ["--scrape.discovery-reload-interval=100ms"]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
    try:
        prometheus = Prometheus(url)
        _await_scrape(prometheus, process)
        yield prometheus, process.pid
    finally:
        process.kill()
        process.wait()


def _await_scrape(prometheus: Prometheus, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(PrometheusError):
            if prometheus.samples("up", time.time() - READY_S, time.time()):
                return
        time.sleep(0.1)
    raise AssertionError(f"{prometheus.url}: Prometheus did not start, or scrapes nothing")


def cores() -> list[int]:
    """Those that this process may use."""
    return sorted(os.sched_getaffinity(0))
