"""A generator of several processes: one schedule, an end without loss, and a lost worker that is named."""

import math
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from likestorm.generator.launcher import GeneratorConfig, run
from likestorm.generator.plan import Plan
from likestorm.results import histogram
from likestorm.results.outcome import Outcome
from likestorm.results.progress import Progress
from likestorm.scenario import Budgets, Scenario
from likestorm.scenario.schedule import Arrival, arrivals, part_of
from likestorm.scenario.workload import ArrivalPlan, ClosedPlan

from tests.likestorm import scripted
from tests.likestorm.drive import drive


def _scenario(duration_s: float = 2.0, **plans: ArrivalPlan) -> Scenario:
    return Scenario(
        name="workers", description="", users="tests.likestorm.visitors:Visitor", arrivals=plans, budgets=Budgets(),
        warm_up_s=0.5, duration_s=duration_s, drain_s=4.0, queue_timeout_s=0.5, users_max=4,
    )  # fmt: skip


def _plan(rate: float, step: str) -> ArrivalPlan:
    return ArrivalPlan(schedule="poisson", rate=rate, steps=[step])


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_the_union_of_the_parts_is_the_schedule_and_no_two_share_an_arrival(parts: int) -> None:
    courses = _scenario(20, visit=_plan(50, "visit"), fail=_plan(3, "fail")).courses()
    whole = list(arrivals(courses, seed=4))
    dealt = [list(part_of(arrivals(courses, seed=4), index, parts)) for index in range(parts)]
    by_due: list[Arrival] = sorted((each for part in dealt for each in part), key=lambda arrival: arrival.due)
    assert by_due == whole
    assert max(len(part) for part in dealt) - min(len(part) for part in dealt) <= 2


@pytest.mark.alone
def test_two_processes_offer_the_whole_schedule_and_nothing_is_lost_at_the_end(tmp_path: Path) -> None:
    """Hanging requests end by a timeout after 3 s: a fixed half second at the end of the window would lose them."""
    closed = ClosedPlan(users=5, think_s=(0.2, 0.4), steps=["look"])
    scenario = _scenario(visit=_plan(60, "visit"), hang=_plan(1.5, "hang"))
    scenario = msgspec.structs.replace(scenario, closed={"look": closed}, users_max=64)
    with scripted.server() as url:
        outcome, seen = drive(scenario, url, tmp_path, GeneratorConfig(processes=2))
    due = list(arrivals(scenario.courses(), scenario.seed))
    for name in ("visit", "hang"):
        expected = Counter(math.floor(each.due - 0.5) for each in due if each.name == name and each.due >= 0.5)
        assert outcome.arrivals[name].timeline.offered == [expected[second] for second in range(2)]
        assert outcome.arrivals[name].load.offered == outcome.arrivals[name].scheduled
    visit = outcome.requests["visit"]
    assert visit.count == outcome.arrivals["visit"].load.completed == histogram.decode(visit.histogram).total
    assert histogram.decode(outcome.arrivals["visit"].histogram).total == visit.count
    hang = outcome.requests["hang"]
    assert hang.timeouts == outcome.arrivals["hang"].load.failed == outcome.arrivals["hang"].load.offered
    assert histogram.decode(hang.failure_histogram).percentile(50) == pytest.approx(3000, rel=0.05)
    assert [worker.lost for worker in outcome.generator.workers] == [False, False]
    assert all(abs(worker.clock_ahead_ms) <= worker.clock_error_ms + 5 for worker in outcome.generator.workers)
    assert max(progress.rates["visit"].achieved for progress in seen) > 40
    assert {path.stem for path in (tmp_path / "hdr").iterdir()} == {"visit", "hang", "look"}
    _check_closed(outcome)


def _check_closed(outcome: Outcome) -> None:
    """Five users with pauses of 0.3 s on average."""
    look, request = outcome.arrivals["look"], outcome.requests["look"]
    assert look.closed_users == 5
    assert look.load.completed == look.load.offered == look.scheduled == request.count
    assert look.load.offered == pytest.approx(5 * 2 / 0.3, abs=8)
    assert request.response_time_ms.p50 == pytest.approx(request.service_time_ms.p50, abs=1)


def test_a_lost_worker_is_named_and_its_part_is_not_offered(tmp_path: Path) -> None:
    scenario = _scenario(3.0, visit=_plan(60, "visit"))
    plan = Plan(scenario, "run", "", False, "", str(tmp_path / "outcome.json"), str(tmp_path / "hdr"), workers=2)
    pids: list[int] = []
    reports: list[Progress] = []

    def kill_one(progress: Progress) -> None:
        reports.append(progress)
        if len(reports) == 1:
            os.kill(pids[2], signal.SIGKILL)

    with scripted.server() as url:
        outcome: Outcome = run(
            plan, url, tmp_path / "generator.log", pids.append, kill_one, GeneratorConfig(processes=2)
        )
    assert sorted(worker.lost for worker in outcome.generator.workers) == [False, True]
    visit = outcome.arrivals["visit"]
    survivors = list(part_of(arrivals(scenario.courses(), scenario.seed), 0, 2))
    others = list(part_of(arrivals(scenario.courses(), scenario.seed), 1, 2))
    counts = [sum(each.due >= scenario.warm_up_s for each in part) for part in (survivors, others)]
    assert visit.scheduled == sum(counts)
    assert visit.load.offered in counts
    assert "was lost, and its part of the load with it" in (tmp_path / "generator.log").read_text()


@pytest.mark.long
@pytest.mark.alone
def test_a_remote_worker_joins_and_arrivals_queue_and_drop_on_both(tmp_path: Path) -> None:
    """Four users, two a process, with 0.1 s a walk serve 40/s; 70/s queue up to the timeout of half a second."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "likestorm", "worker", "--master", f"127.0.0.1:{port}"]
    scenario = _scenario(walk=ArrivalPlan(schedule="constant", rate=70, steps=["first", "second"]))
    with (
        scripted.server() as url,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as joined,
    ):
        config = GeneratorConfig(processes=1, expected=1, bind=f"127.0.0.1:{port}")
        outcome, _ = drive(scenario, url, tmp_path, config)
        said, _ = joined.communicate(timeout=60)
    assert joined.returncode == 0, said
    load, first = outcome.arrivals["walk"].load, outcome.requests["first"]
    assert load.offered == 140 == load.completed + load.dropped
    assert load.dropped > 15
    assert first.censored == load.dropped
    assert first.response_time_ms.p50 is not None
    assert first.response_time_ms.p50 > 200
    assert first.response_time_ms.p90 is None
    assert outcome.generator.users_max == 4
    assert [worker.lost for worker in outcome.generator.workers] == [False, False]
