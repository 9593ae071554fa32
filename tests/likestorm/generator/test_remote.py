"""Load from other hosts: what is refused before any of them is asked, and a worker that joins and says nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from likestorm.generator.launcher import Crew, SwarmError
from likestorm.scenario import Scenario
from likestorm.scenario.workload import ArrivalPlan, ClosedPlan
from likestorm.verdict.lost_load import lost_arrivals

from compose.layout import CLONE
from tests.likestorm import scripted
from tests.likestorm.drive import drive, strange
from tests.servers import free_port, stop

SHOP = CLONE / "loadtests" / "examples" / "nginx" / "shop.toml"
MUTE = """
from locust import User, task

class Mute(User):
    @task
    def be(self):
        pass
"""


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((str(SHOP), "--hosts", ""), "hosts cannot be ''"),
        ((str(SHOP), "--hosts", "a, a"), "hosts cannot be 'a, a'"),
        ((str(SHOP), "--hosts", "none.toml"), "none.toml: No such file"),
        (("likes", "--hosts", "a"), "workers from elsewhere need a [target]"),
        ((str(SHOP), "--hosts", "a", "--processes", "0"), "--processes 0 leaves the load to others"),
        ((str(SHOP), "--hosts", "a", "--master-bind", "here:x"), "--master-bind here:x: 'x' is no port"),
    ],
)
def test_wrong_usage_is_a_line(tmp_path: Path, arguments: tuple[str, ...], complaint: str) -> None:
    command = (sys.executable, "-m", "likestorm", "run", *arguments)
    environment = {**os.environ, "PYTHONPATH": str(CLONE)}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"likestorm: {complaint}")
    assert done.stderr.count("\n") == 1


@pytest.mark.long
def test_a_worker_that_joins_and_never_answers_ends_the_run(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "mute.py").write_text(MUTE)
    command = [sys.executable, "-m", "locust", "-f", str(tmp_path / "mute.py"), "--worker"]
    scenario: Scenario = strange("http://127.0.0.1:1", {"browse": ArrivalPlan(schedule="constant", rate=10)})
    with (
        scripted.server() as url,
        subprocess.Popen(
            [*command, "--master-host", "127.0.0.1", "--master-port", str(port)], stderr=subprocess.DEVNULL
        ) as mute,
    ):
        try:
            with pytest.raises(SwarmError, match=r"the worker on \S+ joined, and did not answer for 10 s"):
                drive(scenario, url, tmp_path, Crew(processes=0, expected=1, bind=f"127.0.0.1:{port}"))
        finally:
            stop(mute)


def test_parts_that_are_missing_add_up_to_the_whole() -> None:
    scenario = Scenario(
        name="parts",
        description="",
        budgets=strange("http://127.0.0.1:1").budgets,
        arrivals={"even": ArrivalPlan(schedule="constant", rate=10, steps=["a"])},
        closed={"look": ClosedPlan(users=5, think_s=(0.1, 0.2), steps=["b"])},
        warm_up_s=1.0,
        duration_s=2.0,
    )
    # Arrivals 10 to 29 of 0 to 29 are the window's, in turn: the parts have 6, 7 and 7 of these 20.
    assert [lost_arrivals(scenario, 2.0, [part], 3)["even"] for part in range(3)] == [(6, 20), (7, 20), (7, 20)]
    assert [lost_arrivals(scenario, 2.0, [part], 3)["look"] for part in range(3)] == [(2, 5), (2, 5), (1, 5)]
    assert lost_arrivals(scenario, 2.0, [0, 2], 3) == {"even": (13, 20), "look": (3, 5)}
