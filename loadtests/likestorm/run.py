"""The story of a run: bring the target up, drive it, collect, judge, save, report."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from likestorm import targets
from likestorm.errors import LikestormError, UsageError
from likestorm.generator import launcher
from likestorm.generator.launcher import Crew
from likestorm.generator.plan import Plan
from likestorm.report import ci, terminal
from likestorm.report import write as write_report
from likestorm.report.terminal import Screen
from likestorm.results import reconciliation
from likestorm.results.collect import Around, collect
from likestorm.results.memory import MemoryWatch
from likestorm.results.record import Record
from likestorm.results.record.document import save
from likestorm.results.record.verdict import Verdict
from likestorm.results.running import Running
from likestorm.scenario import Scenario
from likestorm.verdict.judge import judge

RUNS = Path("runs")
RECORD_FILE, SCENARIO_FILE = "record.json", "scenario.json"


@dataclass(frozen=True)
class Options:
    """How to run a scenario.

    out: the folder to fill. realtime: ask for real-time priority for the generator. crew: the processes that make the
    load. source: the scenario's file, for marks at its lines.
    """

    scenario: Scenario
    out: Path | None = None
    realtime: bool = True
    crew: Crew = Crew()  # noqa: RUF009  # frozen
    source: Path | None = None


def run(options: Options) -> int:
    """Run a scenario, show its verdict and return the verdict's exit status."""
    record, verdict, page = measure(options)
    terminal.show_verdict(record, verdict, page)
    terminal.say(ci.announce(record, verdict, options.source, os.environ))
    return verdict.exit_code


def measure(options: Options) -> tuple[Record, Verdict, Path]:
    """Run a scenario on its target; its record, its verdict and the path of its report.

    Leaves record.json, scenario.json, report.html, summary.md, junit.xml, HDR logs and the parts' logs in a folder.
    """
    scenario = options.scenario
    target = targets.of(scenario)
    with _results(folder_of(options)) as out, terminal.screen() as screen:
        with target.up(out, screen.phase) as running:
            scenario = scenario.warmed(running.warm_up_s)
            record = _drive(replace(options, scenario=scenario), running, out, screen)
        save(record, out / RECORD_FILE)
        screen.phase("judging")
        verdict, page = conclude(record, scenario, out)
        _annotate(record, verdict, screen)
    return record, verdict, page


def conclude(record: Record, scenario: Scenario, out: Path) -> tuple[Verdict, Path]:
    """Judge a record, save it with its verdict and its scenario, and write the report; returns its path."""
    verdict = judge(record, scenario)
    record = replace(record, verdict=verdict)
    (out / SCENARIO_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(scenario), indent=1))
    save(record, out / RECORD_FILE)
    return verdict, write_report(record, out)


def folder_of(options: Options) -> Path:
    """The folder that a run fills; UsageError where it holds a run already."""
    folder = options.out or RUNS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{options.scenario.name}"
    if (folder / RECORD_FILE).exists():
        raise UsageError(f"{folder} already holds a run; --out takes a new folder")
    return folder


@contextmanager
def _results(folder: Path) -> Iterator[Path]:
    """The folder of the results; where the run fails before a file is in it, the folder does not stay."""
    is_new = not folder.exists()
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    try:
        yield folder.resolve()
    except BaseException:
        if is_new and not any(path.is_file() for path in folder.rglob("*")):
            shutil.rmtree(folder)
        raise


def _drive(options: Options, running: Running, out: Path, screen: Screen) -> Record:
    """Load the target as the scenario says, and collect what came of it."""
    scenario, crew = options.scenario, options.crew
    began = datetime.now(UTC)
    if crew.web_port:
        screen.phase(f"Locust's web UI: http://{crew.web_host}:{crew.web_port}")
    screen.phase(f"driving {running.url}: {scenario.warm_up_s:g} s of warm-up, {scenario.duration_s:g} s measured")
    plan = _plan(options, running, out, f"r{began:%y%m%d%H%M%S}")
    pids = {"bench": os.getpid()}
    counting = running.counting()
    before = reconciliation.begin(counting) if counting else None
    with MemoryWatch(lambda: {**running.pids(), **pids}, running.memory_folder) as memory:
        started = launcher.name_processes(pids)
        outcome = launcher.run(plan, running.url, out / "logs" / "swarm.log", started, screen.progress, crew)
    screen.clear()
    screen.phase("collecting")
    # The counters take seconds to stand still, and so does the audit.
    with ThreadPoolExecutor(1) as beside:
        stored = beside.submit(running.audit, began)
        counted = reconciliation.end(before, outcome, running.url) if before else None
        around = Around(stored.result(), counted, memory.peak_mb)
    return collect(scenario, running, outcome, around)


def _plan(options: Options, running: Running, out: Path, run_id: str) -> Plan:
    # On data that an earlier run has used, the same choices would change again what is changed already.
    salt = run_id if running.is_reused else ""
    workers = options.crew.workers
    return Plan(
        options.scenario, run_id, salt, options.realtime, running.data, str(out / "logs" / "swarm.json"),
        str(out / "hdr"), options.scenario.target.locustfile or "", workers,
        metrics_port=None if workers else running.metrics_port, hosts=running.hosts,
    )  # fmt: skip


def _annotate(record: Record, verdict: Verdict, screen: Screen) -> None:
    """Put the run on the dashboards of the Grafana at GRAFANA_URL, if there is one; a run is no worse without it."""
    url = os.environ.get("GRAFANA_URL")
    if not url:
        return
    window = (datetime.fromisoformat(record.started_at), datetime.fromisoformat(record.finished_at))
    try:
        from likestorm.panels import publish

        grafana = publish.Grafana(url, os.environ.get("GRAFANA_TOKEN", ""))
        publish.mark_run(grafana, record.scenario.name, verdict.status, *window)
    except ImportError:
        screen.phase("the run is not marked in Grafana: pip install 'likestorm[grafana]'")
    except LikestormError as error:
        screen.phase(f"the run is not marked in Grafana: {error}")
