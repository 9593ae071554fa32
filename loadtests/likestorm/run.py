"""The story of a run: bring the target up, drive it, collect, judge, save, report."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from compose import local
from compose.bugsink import part
from compose.bugsink.part import Issue
from compose.containers import target as containers
from compose.errors import UsageError
from compose.layout import STATE, Storage
from compose.local import Target
from compose.topology import Topology
from dashboards import DashboardsError, history
from likestorm import report
from likestorm.generator import launcher
from likestorm.generator.launcher import Crew
from likestorm.generator.plan import Plan
from likestorm.panels import publish
from likestorm.report import ci, terminal
from likestorm.report.terminal import Screen
from likestorm.results import collect, reconciliation
from likestorm.results.memory import MemoryWatch
from likestorm.results.prometheus import Prometheus
from likestorm.results.record import Record
from likestorm.results.record.document import save
from likestorm.results.record.target import ErrorGroup
from likestorm.results.record.verdict import Verdict
from likestorm.scenario import Scenario
from likestorm.targets import external
from likestorm.verdict.judge import judge
from service import objectives

CLONE = Path(__file__).parents[2]
# Installed, the package's own folder is no place for results.
RUNS = (CLONE if (CLONE / "pyproject.toml").exists() else Path()) / "runs"
STORAGE_FACTS: Mapping[Storage, str] = {
    "memory": "memory (photos: page cache): a sync costs nothing",
    "disk": "disk: commits wait for it",
    "unsynced": "disk, but nobody waits for it: a sync costs nothing",
}
NEEDS_TARGET = "workers from elsewhere need a [target]: the reference stack listens on loopback only"
RECORD_FILE, SCENARIO_FILE = "record.json", "scenario.json"


class RunError(Exception):
    """A run that cannot be made as asked."""


@dataclass(frozen=True)
class Options:
    """How to run a scenario.

    out: the folder to fill. keep: drive the data that a running stack already holds. state: the stack's own folder.
    storage: where a stack of the run's own keeps its data, None as compose chooses. realtime: ask for real-time
    priority for the generator. crew: the processes that make the load. source: the scenario's file, for marks at its
    lines.
    """

    scenario: Scenario
    topology: Topology
    out: Path | None = None
    keep: bool = False
    state: Path = STATE
    storage: Storage | None = None
    realtime: bool = True
    crew: Crew = Crew()  # noqa: RUF009  # frozen
    source: Path | None = None


def bench(options: Options) -> int:
    """Run a scenario, show its verdict and return the verdict's exit status."""
    record, verdict, page = measure(options)
    terminal.show_verdict(record, verdict, page)
    terminal.say(ci.announce(record, verdict, options.scenario, options.source, os.environ))
    return verdict.exit_code


def measure(options: Options) -> tuple[Record, Verdict, Path]:
    """Run a scenario on its own target, or else on the reference stack; its record, its verdict and its report.

    Leaves record.json, scenario.json, report.html, summary.md, junit.xml, HDR logs and the parts' logs in a folder.
    """
    scenario = options.scenario
    if scenario.target:
        external.check(scenario.target)
    elif options.crew.expected and not containers.attached():
        raise UsageError(NEEDS_TARGET)
    started = datetime.now(UTC)
    folder = options.out or RUNS / f"{started:%Y%m%dT%H%M%SZ}-{scenario.name}"
    with _results(folder) as out, terminal.screen() as screen:
        if options.crew.web_port:
            screen.phase(f"Locust's web UI: http://{options.crew.web_host}:{options.crew.web_port}")
        if scenario.target:
            record = external.drive(scenario, scenario.target, options.crew, out, screen, realtime=options.realtime)
        else:
            with _stack(options, screen, out) as target:
                scenario = scenario.warmed(target.topology.warm_up_s)
                options = replace(options, scenario=scenario)
                manifest = _data(target, options, screen)
                record = _drive(options, target, manifest, out, screen)
                if not target.topology.in_containers:  # its Prometheus keeps its data to itself
                    _keep_history(target, started, out, screen)
        screen.phase("judging")
        verdict, page = conclude(record, scenario, out)
        _mark(record, verdict, screen)
    return record, verdict, page


def conclude(record: Record, scenario: Scenario, out: Path) -> tuple[Verdict, Path]:
    """Judge a record, save it with its verdict and its scenario, and write the report; returns its path."""
    verdict = judge(record, scenario, objectives.load(), objectives.load_chains())
    record = replace(record, verdict=verdict)
    (out / SCENARIO_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(scenario), indent=1))
    save(record, out / RECORD_FILE)
    return verdict, report.write(record, out)


@contextmanager
def _results(folder: Path) -> Iterator[Path]:
    """The folder that the run fills; where the run fails before anything is in it, it does not stay."""
    if (folder / RECORD_FILE).exists():
        raise RunError(f"{folder} already holds a run; OUT= takes a new folder")
    is_new = not folder.exists()
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    try:
        yield folder.resolve()
    except BaseException:
        if is_new and not any(path.is_file() for path in folder.rglob("*")):
            shutil.rmtree(folder)
        raise


@contextmanager
def _stack(options: Options, screen: Screen, out: Path) -> Iterator[Target]:
    """The stack that is up, around this container or beside us, or one of our own; the run keeps the parts' logs."""
    running = containers.attached() or local.running(options.state)
    own = local.up(options.topology, on_phase=screen.phase, state=options.state, storage=options.storage)
    with nullcontext(running) if running else own as target:
        try:
            yield target
        finally:
            shutil.copytree(target.logs_dir, out / "logs", dirs_exist_ok=True)


def _data(target: Target, options: Options, screen: Screen) -> Path:
    """The manifest of what the stores hold: filled anew, unless the data of a running stack is to be kept."""
    if options.keep:
        manifest = local.manifest(target)
        if not manifest.exists():
            raise RunError("there is no data to keep: KEEP= wants a stack that is up and filled (make up)")
        screen.phase("keeping the data")
        return manifest
    data, seed = options.scenario.data, options.scenario.seed
    if data is None:
        raise RunError("the scenario says nothing about [data], so the reference stack cannot be filled")
    screen.phase(f"seeding {data.users:,} users and {data.users * data.photos_per_user:,} photos")
    return local.seed(
        target,
        users=data.users,
        photos_per_user=data.photos_per_user,
        follows_per_user=data.follows_per_user,
        seed=seed,
        active_users=data.active_users,
    )


def _drive(options: Options, target: Target, manifest: Path, out: Path, screen: Screen) -> Record:
    """Load the target as the scenario says, and collect what came of it."""
    scenario = options.scenario
    began = datetime.now(UTC)
    screen.phase(f"driving {target.url}: {scenario.warm_up_s:g} s of warm-up, {scenario.duration_s:g} s measured")
    run_id = f"r{began:%y%m%d%H%M%S}"
    # On data that an earlier run has used, the same choices would like again what is liked already.
    salt = run_id if options.keep else ""
    plan = Plan(
        scenario, run_id, salt, options.realtime, str(manifest), str(out / "logs" / "swarm.json"), str(out / "hdr"),
        workers=options.crew.workers, hosts=target.hosts,
        metrics_port=None if options.crew.workers else target.topology.ports["generator"],
    )  # fmt: skip
    told = local.read_errors(target)
    pids = {"bench": os.getpid()}
    before = reconciliation.begin(reconciliation.of_stack(target))
    files = target.run_dir if target.storage == "memory" else None
    with MemoryWatch(lambda: target.pids() | pids, files) as memory:
        started = launcher.name_processes(pids)
        outcome = launcher.run(plan, target.url, out / "logs" / "swarm.log", started, screen.progress, options.crew)
    screen.clear()
    screen.phase("collecting: Prometheus, the stores' own account of what they hold")
    # Until the counters stand still takes seconds, and so does the audit.
    with ThreadPoolExecutor(1) as beside:
        stored = beside.submit(local.audit, target, began)
        counted = reconciliation.end(before, outcome, target.url)
    return collect.window(
        scenario,
        target.url,
        outcome,
        Prometheus(target.prometheus_url),
        target.scrape_jobs,
        stored.result(),
        memory.peak_mb,
        {"topology": target.topology.name, "storage": STORAGE_FACTS[target.storage], **target.facts},
        _reported(told, local.read_errors(target)),
        counted,
    )


def _keep_history(target: Target, started: datetime, out: Path, screen: Screen) -> None:
    """Keep what Prometheus saw for `make view RUN=`; a run is no worse without it."""
    try:
        history.keep(target.prometheus_url, target.run_dir / "prometheus" / "data", started, out)
    except DashboardsError as error:
        screen.phase(f"no history is kept with the run: {error}")


def _mark(record: Record, verdict: Verdict, screen: Screen) -> None:
    """Put the run on the dashboards of the Grafana at GRAFANA_URL, if there is one; a run is no worse without it."""
    url = os.environ.get("GRAFANA_URL")
    if not url:
        return
    window = (datetime.fromisoformat(record.started_at), datetime.fromisoformat(record.finished_at))
    try:
        grafana = publish.Grafana(url, os.environ.get("GRAFANA_TOKEN", ""))
        publish.mark_run(grafana, record.scenario.name, verdict.status, *window)
    except publish.GrafanaError as error:
        screen.phase(f"the run is not marked in Grafana: {error}")


def _reported(before: Mapping[str, Issue] | None, after: Mapping[str, Issue] | None) -> list[ErrorGroup] | None:
    """What the error tracker was told between two readings; None without a tracker."""
    if before is None or after is None:
        return None
    return [ErrorGroup(issue.kind, issue.message, issue.where, issue.count) for issue in part.between(before, after)]
