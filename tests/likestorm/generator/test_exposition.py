"""The generator's own metrics: what they count, and that Prometheus can scrape them during a run."""

import socket
from pathlib import Path

import pytest
import requests
from likestorm.generator import launcher
from likestorm.generator.exposition import ExposedRecorder
from likestorm.generator.launcher import GeneratorConfig
from likestorm.generator.plan import Plan
from likestorm.generator.recorder import OUTCOMES
from likestorm.results.progress import Progress
from likestorm.scenario import Budgets, Scenario
from likestorm.scenario.schedule import Arrival
from likestorm.scenario.workload import ArrivalPlan

from tests.likestorm import scripted
from tests.ports import free_port

LIKE = Arrival(0.6, "like", 0)


def _plan(folder: Path, steps: list[str], port: int | None, duration_s: float = 10.0) -> Plan:
    scenario = Scenario(
        name="test",
        description="A test of the metrics.",
        users="tests.likestorm.visitors:Visitor",
        arrivals={steps[0]: ArrivalPlan(rate=50, schedule="constant", steps=steps)},
        budgets=Budgets(),
        warm_up_s=0.5,
        duration_s=duration_s,
    )
    return Plan(scenario, "r1", "", False, "", str(folder / "outcome.json"), str(folder / "hdr"), metrics_port=port)


def _read(recorder: ExposedRecorder) -> dict[tuple[str, ...], float]:
    return {(s.name, *s.labels.values()): s.value for metric in recorder.collect() for s in metric.samples}


@pytest.fixture(name="recorder")
def _recorder(tmp_path: Path) -> ExposedRecorder:
    return ExposedRecorder(_plan(tmp_path, ["like"], None))


def test_everything_stands_at_zero_before_the_first_arrival(recorder: ExposedRecorder) -> None:
    seen = _read(recorder)
    assert {name for name, *_ in seen} >= {"likestorm_load_offered_total", "likestorm_load_in_flight"}
    assert {key[3] for key in seen if key[0] == "likestorm_load_arrivals_total"} == set(OUTCOMES)
    assert set(seen.values()) == {0}


def test_arrivals_are_counted_by_what_became_of_them(recorder: ExposedRecorder) -> None:
    for _ in range(7):
        recorder.dispatched(LIKE, 0.003)
    recorder.arrival_ended(LIKE, 0.012, 0.6, failed=False, timed_out=False)
    recorder.arrival_ended(LIKE, 0.050, 0.6, failed=False, timed_out=False)
    recorder.arrival_ended(LIKE, 0.001, 0.6, failed=True, timed_out=False)
    recorder.arrival_ended(LIKE, 10.0, 0.6, failed=True, timed_out=True)
    recorder.arrival_dropped(LIKE)
    recorder.arrival_unfinished(LIKE, 0)
    seen = _read(recorder)
    assert seen["likestorm_load_offered_total", "r1", "like"] == 7
    outcomes = {key[3]: value for key, value in seen.items() if key[0] == "likestorm_load_arrivals_total"}
    assert outcomes == {"completed": 2, "failed": 2, "dropped": 1, "unfinished": 1}
    assert seen["likestorm_load_in_flight", "r1", "like"] == 1
    bucket = "likestorm_load_response_seconds_bucket"
    counts = [seen[bucket, "r1", "like", bound] for bound in ("0.01", "0.015", "0.04", "0.05", "10.0", "+Inf")]
    assert counts == [0, 1, 1, 2, 2, 5]  # a fast failure is in none of them, what never ended above them all
    assert seen["likestorm_load_response_seconds_sum", "r1", "like"] == pytest.approx(0.062)
    assert seen["likestorm_load_dispatch_lag_seconds_bucket", "r1", "0.005"] == 7
    assert recorder.counts.seconds["like"][0].offered == 7


@pytest.mark.timed
def test_metrics_are_served_during_a_run_and_not_afterwards(tmp_path: Path) -> None:
    port, pages = free_port(), []

    def scrape(progress: Progress) -> None:
        pages.append(requests.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text)

    with scripted.server() as url:
        launcher.run(
            _plan(tmp_path, ["visit"], port, 1.0),
            url,
            tmp_path / "generator.log",
            lambda pid: None,
            scrape,
            GeneratorConfig(),
        )
    offered = [float(line.split()[-1]) for page in pages for line in page.splitlines() if "offered_total{" in line]
    assert 40 <= offered[0] <= 60
    assert offered == sorted(offered)
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{port}/metrics", timeout=30)


def test_rounds_of_closed_users_count_as_offered(recorder: ExposedRecorder) -> None:
    recorder.offered(LIKE)
    assert _read(recorder)["likestorm_load_offered_total", "r1", "like"] == 1


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, scripted.server() as url:
        port = taken.getsockname()[1]
        plan, log = _plan(tmp_path, ["visit"], port, 1.0), tmp_path / "generator.log"
        with pytest.raises(
            launcher.GeneratorError, match=rf"port {port} \(generator metrics\) cannot be had: Address already in use"
        ):
            launcher.run(plan, url, log, lambda pid: None, lambda progress: None, GeneratorConfig())
