"""The story of a run: start the target, drive it, collect, judge, save and report."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from likestorm import targets
from likestorm.errors import LikestormError, UsageError
from likestorm.files import write_whole
from likestorm.generator import launcher
from likestorm.generator.launcher import GeneratorConfig
from likestorm.generator.plan import Plan
from likestorm.report import ci, terminal
from likestorm.report import write as write_report
from likestorm.report.terminal import Screen
from likestorm.results import reconciliation
from likestorm.results.collect import Readings, collect
from likestorm.results.memory import MemoryWatch
from likestorm.results.record import Record
from likestorm.results.record.document import save
from likestorm.results.record.verdict import Verdict
from likestorm.results.running import Running
from likestorm.scenario import Scenario
from likestorm.verdict.judge import judge

RUNS = Path("runs")
RECORD_FILE, SCENARIO_FILE = "record.json", "scenario.json"

T = TypeVar("T")


@dataclass(frozen=True)
class Options:
    """How to run a scenario.

    out: the folder for the results. realtime: request real-time priority for the generator. config: the generator's
    processes. source: the scenario's file, for annotations at its lines.
    """

    scenario: Scenario
    out: Path | None = None
    realtime: bool = True
    config: GeneratorConfig = GeneratorConfig()  # noqa: RUF009  # frozen
    source: Path | None = None


def run(options: Options) -> int:
    """Run a scenario, show its verdict and return the verdict's exit status."""
    record, verdict, page = measure(options)
    terminal.show_verdict(record, verdict, page)
    marks = _attempt("CI gets no summary", lambda: ci.announce(record, verdict, options.source, os.environ))
    terminal.say(marks or [])
    return verdict.exit_code


def measure(options: Options) -> tuple[Record, Verdict, Path]:
    """Run a scenario on its target; returns the record, the verdict and the path of the report.

    Leaves record.json, scenario.json, report.html, summary.md, junit.xml, HDR logs and the parts' logs in a folder.
    """
    with _results(folder_of(options)) as out, terminal.screen() as screen:
        record, scenario = _measured(options, out, screen)
        screen.phase("judging")
        verdict, page = conclude(record, scenario, out)
        _attempt("the run is not marked in Grafana", lambda: _annotate(record, verdict))
    return record, verdict, page


def _measured(options: Options, out: Path, screen: Screen) -> tuple[Record, Scenario]:
    """The saved record of a run without its verdict, and the scenario with the warm-up that the target needs."""
    scenario, record = options.scenario, None
    try:
        with targets.of(scenario).up(out, screen.phase) as running:
            scenario = scenario.warmed(running.warm_up_s)
            record = _drive(replace(options, scenario=scenario), running, out, screen)
            save(record, out / RECORD_FILE)
    except LikestormError as error:
        if record is None:
            raise
        screen.phase(f"warning: the target did not stop cleanly: {error}")
    return record, scenario


def conclude(record: Record, scenario: Scenario, out: Path) -> tuple[Verdict, Path]:
    """Judge a record, save it with its verdict and scenario, and write the report.

    Returns the path of the report, or of the record if the report fails.
    """
    verdict = judge(record, scenario)
    record = replace(record, verdict=verdict)
    write_whole(out / SCENARIO_FILE, msgspec.json.format(msgspec.json.encode(scenario), indent=1))
    save(record, out / RECORD_FILE)
    return verdict, _attempt("there is no report", lambda: write_report(record, out)) or out / RECORD_FILE


def _attempt(failure: str, step: Callable[[], T]) -> T | None:
    """The result of a step after the measurement. Any failure is only a warning: record and verdict outlive it."""
    try:
        return step()
    except Exception as error:
        terminal.say([f"warning: {failure}: {str(error) or type(error).__name__}"])
        return None


def folder_of(options: Options) -> Path:
    """The folder for the results of a run; UsageError if it already holds a run."""
    folder = options.out or RUNS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{options.scenario.name}"
    if (folder / RECORD_FILE).exists():
        raise UsageError(f"{folder} already holds a run; --out takes a new folder")
    return folder


@contextmanager
def _results(folder: Path) -> Iterator[Path]:
    """The folder of the results; a run that fails before its first file leaves no folder."""
    is_new = not folder.exists()
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    try:
        yield folder.resolve()
    except BaseException:
        if is_new and not any(path.is_file() for path in folder.rglob("*")):
            shutil.rmtree(folder)
        raise


def _drive(options: Options, running: Running, out: Path, screen: Screen) -> Record:
    """Put the scenario's load on the target and collect the record."""
    scenario, config = options.scenario, options.config
    began = datetime.now(UTC)
    if config.web_port:
        screen.phase(f"Locust's web UI: http://{config.web_host}:{config.web_port}")
    screen.phase(f"driving {running.url}: {scenario.warm_up_s:g} s of warm-up, {scenario.duration_s:g} s measured")
    plan = _plan(options, running, out, f"r{began:%y%m%d%H%M%S}")
    pids = {"bench": os.getpid()}
    counting = running.counting()
    before = reconciliation.begin(counting) if counting else None
    with MemoryWatch(lambda: {**running.pids(), **pids}, running.memory_folder) as memory:
        started = launcher.name_processes(pids)
        outcome = launcher.run(plan, running.url, out / "logs" / "generator.log", started, screen.progress, config)
    screen.clear()
    screen.phase("collecting")
    # Both the audit and counters that must stand still take seconds.
    with ThreadPoolExecutor(1) as beside:
        audited = beside.submit(_audit, running, began)
        counted = reconciliation.end(before, outcome, running.url) if before else None
        stored, problem = audited.result()
    errors = _attempt("the error tracker is not read", running.errors)
    return collect(scenario, running, outcome, Readings(stored, problem, counted, errors), memory.peak_mb)


def _audit(running: Running, since: datetime) -> tuple[Mapping[str, Sequence[str]] | None, str]:
    """The stored ids, or why they are not known; a failed audit leaves the verdict open, but keeps the record."""
    try:
        return running.audit(since), ""
    except Exception as error:
        return None, f"the audit failed: {str(error) or type(error).__name__}"


def _plan(options: Options, running: Running, out: Path, run_id: str) -> Plan:
    # On data that an earlier run used, the same choices would repeat effects that are stored already.
    salt = run_id if running.is_reused else ""
    workers = options.config.workers
    return Plan(
        options.scenario, run_id, salt, options.realtime, running.data, str(out / "logs" / "generator.json"),
        str(out / "hdr"), options.scenario.target.locustfile or "", workers,
        metrics_port=None if workers else running.metrics_port, hosts=running.hosts,
    )  # fmt: skip


def _annotate(record: Record, verdict: Verdict) -> None:
    """Mark the run on the dashboards of the Grafana at GRAFANA_URL, if the variable is set."""
    url = os.environ.get("GRAFANA_URL")
    if not url:
        return
    window = (datetime.fromisoformat(record.started_at), datetime.fromisoformat(record.finished_at))
    try:
        from likestorm.panels import publish
    except ImportError as error:
        raise LikestormError("pip install 'likestorm[grafana]'") from error
    grafana = publish.Grafana(url, os.environ.get("GRAFANA_TOKEN", ""))
    publish.mark_run(grafana, record.scenario.name, verdict.status, *window)
