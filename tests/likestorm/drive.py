"""Runs the generator against a scripted server, for tests."""

import os
from pathlib import Path

import pytest
from likestorm.generator import launcher
from likestorm.generator.launcher import GeneratorConfig
from likestorm.generator.plan import Plan
from likestorm.results.outcome import Outcome
from likestorm.results.progress import Progress
from likestorm.scenario import Budgets, Scenario, Target
from likestorm.scenario.workload import ArrivalPlan, ClosedPlan

LOCUSTFILE = Path(__file__).with_name("locustfile.py")


def drive(
    scenario: Scenario,
    url: str,
    folder: Path,
    config: GeneratorConfig = GeneratorConfig(),  # noqa: B008  # frozen
    locustfile: Path | None = None,
) -> tuple[Outcome, list[Progress]]:
    """The outcome of a run whose processes have all ended, and the progress that it reported."""
    own = str(locustfile or (scenario.target and scenario.target.locustfile) or "")
    plan = Plan(
        scenario, "run", "", False, "", str(folder / "outcome.json"), str(folder / "hdr"), own, config.workers
    )  # fmt: skip
    seen: list[Progress] = []
    pids: list[int] = []
    try:
        outcome = launcher.run(plan, url, folder / "generator.log", pids.append, seen.append, config)
    finally:
        for pid in pids:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)
    return outcome, seen


def locustfile_scenario(
    url: str,
    arrivals: dict[str, ArrivalPlan] | None = None,
    closed: dict[str, ClosedPlan] | None = None,
    duration_s: float = 2.0,
) -> Scenario:
    """A scenario on the locustfile beside this file."""
    return Scenario(
        name="locustfile",
        description="An unchanged locustfile.",
        budgets=Budgets(),
        arrivals=arrivals or {},
        closed=closed or {},
        target=Target(url=url, locustfile=str(LOCUSTFILE), model="open" if arrivals else "closed"),
        warm_up_s=1.0,
        duration_s=duration_s,
        drain_s=2.0,
        queue_timeout_s=10.0,
        users_max=256,
    )
