"""Remote workers: a wrong command line, a worker that never answers, one that cannot start, and parts that add up."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from likestorm.generator.launcher import GeneratorConfig, GeneratorError
from likestorm.scenario import Scenario
from likestorm.scenario.workload import ArrivalPlan, ClosedPlan
from likestorm.verdict.lost_load import lost_arrivals

from tests.likestorm import scripted
from tests.likestorm.drive import drive, locustfile_scenario
from tests.servers import free_port, stop

MUTE = """
from locust import User, task

class Mute(User):
    @task
    def idle(self):
        pass
"""
BROKEN = """
from locust import FastHttpUser, task
import os

if "LIKESTORM_MASTER" in os.environ:
    raise ImportError("a package that this host lacks")

class Visitor(FastHttpUser):
    @task
    def look(self):
        self.client.get("/", name="look")
"""


def test_processes_0_needs_remote_workers() -> None:
    command = (sys.executable, "-m", "likestorm", "run", "likes", "--processes", "0")
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("likestorm: --processes 0 leaves the load to others")
    assert done.stderr.count("\n") == 1


@contextmanager
def _joined(port: int, *command: str) -> Iterator["subprocess.Popen[str]"]:
    """A process that becomes a worker of the master at that port."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield process
        finally:
            stop(process)  # type: ignore[arg-type]


@pytest.mark.long
def test_a_worker_that_never_answers_ends_the_run(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "mute.py").write_text(MUTE)
    command = [sys.executable, "-m", "locust", "-f", str(tmp_path / "mute.py"), "--worker"]
    scenario: Scenario = locustfile_scenario(
        "http://127.0.0.1:1", {"browse": ArrivalPlan(schedule="constant", rate=10)}
    )
    with scripted.server() as url, _joined(port, *command, "--master-host", "127.0.0.1", "--master-port", str(port)):
        with pytest.raises(GeneratorError, match=r"the worker on \S+ joined, and did not answer for 10 s"):
            drive(scenario, url, tmp_path, GeneratorConfig(processes=0, expected=1, bind=f"127.0.0.1:{port}"))


def test_a_worker_that_cannot_start_ends_the_run_at_once_and_says_why(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "locustfile.py").write_text(BROKEN)
    scenario = locustfile_scenario("http://127.0.0.1:1", {"browse": ArrivalPlan(schedule="constant", rate=10)})
    command = (sys.executable, "-m", "likestorm", "worker", "--master", f"127.0.0.1:{port}")
    config = GeneratorConfig(processes=0, expected=1, bind=f"127.0.0.1:{port}")
    with scripted.server() as url, _joined(port, *command) as worker:
        with pytest.raises(GeneratorError, match=r"ImportError: a package that this host lacks \(worker on \S+\)"):
            drive(scenario, url, tmp_path, config, tmp_path / "locustfile.py")
        assert worker.wait(30) == 1


def test_a_worker_without_a_master_says_so() -> None:
    address = f"127.0.0.1:{free_port()}"
    command = (sys.executable, "-m", "likestorm", "worker", "--master", address, "--patience", "1")
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert f"no master at {address}: no answer for 1 s" in done.stderr


def test_missing_parts_add_up_to_the_whole() -> None:
    scenario = Scenario(
        name="parts",
        description="",
        budgets=locustfile_scenario("http://127.0.0.1:1").budgets,
        arrivals={"even": ArrivalPlan(schedule="constant", rate=10, steps=["a"])},
        closed={"look": ClosedPlan(users=5, think_s=(0.1, 0.2), steps=["b"])},
        warm_up_s=1.0,
        duration_s=2.0,
    )
    # The window has arrivals 10 to 29 of 0 to 29: the three parts have 6, 7 and 7 of these 20.
    assert [lost_arrivals(scenario, 2.0, [part], 3)["even"] for part in range(3)] == [(6, 20), (7, 20), (7, 20)]
    assert [lost_arrivals(scenario, 2.0, [part], 3)["look"] for part in range(3)] == [(2, 5), (2, 5), (1, 5)]
    assert lost_arrivals(scenario, 2.0, [0, 2], 3) == {"even": (13, 20), "look": (3, 5)}
