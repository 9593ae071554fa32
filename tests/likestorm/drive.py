"""Runs a swarm against a scripted server, for tests of the engine."""

import os
from pathlib import Path

import pytest
from likestorm.generator import launcher
from likestorm.generator.launcher import Crew
from likestorm.generator.plan import Plan, Progress
from likestorm.results.outcome import Outcome
from likestorm.scenario import Budgets, Scenario, Target
from likestorm.scenario.workload import ArrivalPlan, ClosedPlan

STRANGERS = Path(__file__).with_name("strangers.py")


def drive(scenario: Scenario, url: str, folder: Path, crew: Crew = Crew()) -> tuple[Outcome, list[Progress]]:  # noqa: B008
    """The outcome of a swarm, all of whose processes are gone, and the progress that it reported."""
    own = scenario.target.locustfile if scenario.target else None
    plan = Plan(
        scenario, "run", "", False, "", str(folder / "outcome.json"), str(folder / "hdr"), own or "", crew.workers
    )
    seen: list[Progress] = []
    pids: list[int] = []
    try:
        outcome = launcher.run(plan, url, folder / "swarm.log", pids.append, seen.append, crew)
    finally:
        for pid in pids:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)
    return outcome, seen


def strange(
    url: str,
    arrivals: dict[str, ArrivalPlan] | None = None,
    closed: dict[str, ClosedPlan] | None = None,
    duration_s: float = 2.0,
    lateness_max_s: float = 10.0,
    users_max: int = 256,
) -> Scenario:
    """A scenario on the locustfile of strangers."""
    return Scenario(
        name="strange",
        description="of users that know nothing of Likestorm",
        budgets=Budgets(),
        arrivals=arrivals or {},
        closed=closed or {},
        target=Target(url=url, locustfile=str(STRANGERS), model="open" if arrivals else "closed"),
        warm_up_s=1.0,
        duration_s=duration_s,
        drain_s=2.0,
        lateness_max_s=lateness_max_s,
        users_max=users_max,
    )
