"""A run on somebody's own service: no stack of ours, their locustfile or users, and what they let us see."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from likestorm.generator import launcher
from likestorm.generator.launcher import GeneratorConfig
from likestorm.generator.plan import Plan
from likestorm.report.terminal import Screen
from likestorm.results import collect, reconciliation
from likestorm.results.memory import MemoryWatch
from likestorm.results.prometheus import Prometheus
from likestorm.results.reconciliation import Counting, PromqlHop
from likestorm.results.record import Record
from likestorm.scenario import Scenario, Target
from likestorm.scenario.hosts import HostGuard, RefusedError
from likestorm.scenario.reading import ScenarioError

AUDIT_S = 120.0


def check(target: Target) -> None:
    """ScenarioError where load must not go to the target's URL."""
    try:
        HostGuard(target.allow_hosts).check_url(target.url)
    except RefusedError as error:
        raise ScenarioError(f"target.url: {error}") from error


def drive(
    scenario: Scenario, target: Target, config: GeneratorConfig, out: Path, screen: Screen, *, realtime: bool
) -> Record:
    """Load the target as the scenario says, and collect what came of it."""
    began = datetime.now(UTC)
    screen.phase(f"driving {target.url}: {scenario.warm_up_s:g} s of warm-up, {scenario.duration_s:g} s measured")
    run_id = f"r{began:%y%m%d%H%M%S}"
    plan = Plan(
        scenario, run_id, run_id, realtime, "", str(out / "logs" / "generator.json"), str(out / "hdr"),
        target.locustfile or "", config.workers,
    )  # fmt: skip
    pids = {"bench": os.getpid()}
    prometheus = Prometheus(target.prometheus) if target.prometheus else None
    counters = [PromqlHop(name, promql) for name, promql in target.counters.items()]
    before = reconciliation.begin(Counting(prometheus, counters)) if prometheus and counters else None
    with MemoryWatch(lambda: pids) as memory:
        started = launcher.name_processes(pids)
        outcome = launcher.run(plan, target.url, out / "logs" / "generator.log", started, screen.progress, config)
    screen.clear()
    counted = reconciliation.end(before, outcome, target.url) if before else None
    stored = _audit(target.audit) if target.audit else None
    facts = {"target": "a service of somebody's own", "model": target.model}
    return collect.visited(scenario, target.url, outcome, prometheus, stored, memory.peak_mb, facts, counted)


def _audit(command: list[str]) -> Mapping[str, list[str]]:
    """What the target's own command says is stored, ids by set; CollectError where it does not."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=AUDIT_S)
        return msgspec.json.decode(done.stdout, type=dict[str, list[str]])
    except (OSError, subprocess.SubprocessError, msgspec.MsgspecError) as error:
        raise collect.CollectError(f"target.audit: {' '.join(command)}: {error}") from error
