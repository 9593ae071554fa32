"""`fab swarm`: load from machines with addresses and ssh servers of their own, and a target on another machine."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest
from likestorm.results.record import Record, document
from likestorm.scenario import reading
from likestorm.scenario.schedule import Arrival, arrivals, part_of

from compose.layout import CLONE
from tests import network
from tests.compose.fleet.hosts import SSHD, make_disk, make_key
from tests.network import Network
from tests.servers import process, wait_until

HOSTS = ("host-1", "host-2", "host-3")
OUTAGE_S = 5.0
REACHABLE = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 1)"
LOCUSTFILE = """
import socket
from locust import FastHttpUser, task

if socket.gethostname() == {missing_on!r}:
    raise ImportError("what this needs is not on this host")

class Visitor(FastHttpUser):
    @task
    def look(self):
        self.client.get("/look", name="look")
"""
SCENARIO = """
name = "shop"
description = "Visitors of a shop on a host of its own."
seed = 7
warm_up_s = 1
duration_s = {duration_s}
drain_s = 2
users_max = 32

[target]
url = "http://shop:8080"
locustfile = "locustfile.py"
allow_hosts = ["shop"]

[arrivals.looks]
schedule = "poisson"
rate = 40

[[budgets.percentiles]]
name = "look p90"
request = "look"
percentile = 90
seconds = 1

[[budgets.errors]]
name = "errors, all requests"
error_ratio = 0.05

# The machines share the cores of one: these tests do not ask how punctual the generator is.
[limits]
dispatch_lag_p99_s = 2
loop_lag_p99_s = 2
gc_pause_s = 1
cpu_percent = 99.9
steal_percent = 99
"""


@dataclass(frozen=True)
class Place:
    """The machines, the home of the user that leads a run, and the hosts' disks."""

    machines: Network
    home: Path
    disks: dict[str, Path]
    started: list["subprocess.Popen[str]"] = field(default_factory=list)

    def swarm(self, scenario: Path, *arguments: str, options: str = "") -> "subprocess.Popen[str]":
        """`fab swarm` on the machine `lead`."""
        fab = (sys.executable, "-m", "fabric", "--search-root", "compose", "swarm", "--scenario", str(scenario))
        return self.lead(*fab, *arguments, f"--options={options}")

    def lead(self, *command: str) -> "subprocess.Popen[str]":
        """A command on the machine `lead`."""
        running = subprocess.Popen(
            self.machines.command("lead", *command),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=CLONE,
            start_new_session=True,
            env={**os.environ, "HOME": str(self.home), "COLUMNS": "200"},
        )
        self.started.append(running)
        return running

    def working(self, host: str) -> list[str]:
        """The worker processes on a host."""
        return [command for command in self.machines.commands(host).values() if "likestorm" in command]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    if reason := network.why_not():
        pytest.skip(reason)
    home = tmp_path_factory.mktemp("home")
    key = make_key(home / "key")
    (home / ".ssh").mkdir()
    with network.network("lead", "shop", *HOSTS) as machines, ExitStack() as stack:
        stack.enter_context(_shop(machines))
        known, lines = [], []
        for host in HOSTS:
            disk = make_disk(home / host, f"{machines.addresses[host]}:22", key.with_suffix(".pub").read_text(), "root")
            command = machines.command(host, SSHD, "-D", "-e", "-f", f"{disk.parent}/sshd_config")
            stack.enter_context(
                process(command, lambda host=host: _reaches(machines, host, 22), stderr=subprocess.DEVNULL)  # type: ignore[misc]
            )
            known.append(f"{host} {(disk.parent / 'host_key.pub').read_text()}")
            lines.append(f"Host {host}\n  User root\n  IdentityFile {key}\n")
        (home / ".ssh" / "known_hosts").write_text("".join(known))
        (home / ".ssh" / "config").write_text("".join(lines))
        yield Place(machines, home, {host: home / host / "disk" for host in HOSTS})


@pytest.fixture
def deployed(place: Place) -> Iterator[Place]:
    """The machines with a release of this clone's files on each host, as `fab deploy` makes it."""
    for disk in place.disks.values():
        subprocess.run(["rm", "-rf", disk / "likestorm"], check=True)
        release = disk / "likestorm" / "releases" / ("0" * 40)
        release.mkdir(parents=True)
        for folder in ("loadtests", "compose", "service", "dashboards", "alerts"):
            (release / folder).symlink_to(CLONE / folder)
        (release / ".venv").symlink_to(sys.prefix)
        (disk / "likestorm" / "current").symlink_to(f"releases/{release.name}")
    yield place
    while place.started:
        with place.started.pop() as running:
            running.kill()


@contextmanager
def _shop(machines: Network) -> Iterator[None]:
    """A scripted server at port 8080 of the machine `shop`."""
    command = machines.command("shop", sys.executable, "-m", "tests.likestorm.scripted", machines.addresses["shop"])
    running = subprocess.Popen([*command, "8080"], stdin=subprocess.PIPE, cwd=CLONE)
    try:
        wait_until(lambda: _reaches(machines, "shop", 8080), lambda: running.poll() is None, "the shop")
        yield
    finally:
        running.communicate(timeout=10)


def _reaches(machines: Network, host: str, port: int) -> bool:
    command = machines.command("lead", sys.executable, "-c", REACHABLE, machines.addresses[host], str(port))
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _scenario(folder: Path, duration_s: float = 6, missing_on: str = "") -> Path:
    (folder / "locustfile.py").write_text(LOCUSTFILE.format(missing_on=missing_on))
    (folder / "shop.toml").write_text(SCENARIO.format(duration_s=duration_s))
    return folder / "shop.toml"


def _outcomes(printed: str) -> dict[str, tuple[str, str]]:
    """Each host's outcome and message in the table."""
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed.splitlines() if "│" in line]
    return {row[0]: (row[1], row[3]) for row in rows if "host-" in row[0]}


def _until_measuring(stdout: IO[str]) -> str:
    """The output until the window begins."""
    printed = ""
    for line in stdout:
        printed += line
        if re.search(r"\] measure, ", line):
            return printed
    pytest.fail(f"the run ended before its window began: {printed}")


def _due(run: Record, chosen: Path) -> list[Arrival]:
    """The window's arrivals by the scenario."""
    asked = reading.load(str(chosen))
    end = asked.warm_up_s + run.scenario.duration_s
    return [each for each in arrivals(asked.courses(), asked.seed) if asked.warm_up_s <= each.due < end]


def _checks(folder: Path) -> dict[str, dict[str, Any]]:
    verdict = json.loads((folder / "record.json").read_text())["verdict"]
    return {check["check"]: check for check in verdict["validity"]}


@pytest.mark.timed
def test_three_hosts_make_the_whole_schedule(deployed: Place, tmp_path: Path) -> None:
    chosen, out = _scenario(tmp_path), tmp_path / "run"
    names = ("root@host-1", "host-2:22", "host-3")
    # The tests run with everything that setup installs.
    variables = (f"HOSTS={','.join(names)}", f"SCENARIO={chosen}", f"OUT={out}", f"PYTHON={sys.executable}")
    running = deployed.lead("make", "--silent", "--old-file=setup", "swarm", *variables)
    printed, complained = running.communicate(timeout=120)
    assert (running.returncode, complained) == (0, ""), printed + complained
    assert {host: status for host, (status, _) in _outcomes(printed).items()} == dict.fromkeys(names, "done")
    run = document.load(out / "record.json")
    looks = run.arrivals["looks"]
    due = _due(run, chosen)
    assert looks.load.offered == looks.load.completed == looks.scheduled == len(due) > 200
    assert {worker.name.rpartition(" ")[2] for worker in run.generator.workers} == set(HOSTS)
    checks = _checks(out)
    assert checks["workers"]["observed"] == "3 of 3"
    assert checks["clock skew between workers"]["status"] == "ok"
    wait_until(lambda: not any(map(deployed.working, HOSTS)), what="the end of all workers")


@pytest.mark.timed
def test_a_host_that_is_cut_off_makes_the_run_invalid_and_its_part_is_named(deployed: Place, tmp_path: Path) -> None:
    chosen, out = _scenario(tmp_path, duration_s=8), tmp_path / "run"
    running = deployed.swarm(chosen, "--hosts", ",".join(HOSTS), options=f"--out {out}")
    assert running.stdout is not None
    printed = _until_measuring(running.stdout)
    deployed.machines.cut_off("host-2")
    try:
        rest, complained = running.communicate(timeout=120)
    finally:
        deployed.machines.join("host-2")
    assert running.returncode == 98, printed + rest + complained
    statuses = {host: status for host, (status, _) in _outcomes(rest).items()}
    assert statuses == {"host-1": "done", "host-2": "failed", "host-3": "done"}
    run = document.load(out / "record.json")
    [lost] = [index for index, worker in enumerate(run.generator.workers) if worker.lost]
    due = _due(run, chosen)
    part = len(list(part_of(due, lost, 3)))
    looks, checks = run.arrivals["looks"], _checks(out)
    assert looks.scheduled == len(due)
    assert looks.load.offered == len(due) - part
    assert checks["workers"]["status"] == checks["offered against schedule"]["status"] == "failed"
    name = run.generator.workers[lost].name
    assert name == f"worker {lost + 1} on host-2"
    assert checks["workers"]["observed"] == f"2 of 3, lost: {name}; their part: looks {part} of {len(due)}"
    assert checks["offered against schedule"]["observed"] == f"looks {len(due) - part} of {len(due)}"
    assert checks["every arrival accounted for"]["status"] == "ok"
    wait_until(lambda: not deployed.working("host-2"), what="the end of the worker that was cut off")


@pytest.mark.alone
@pytest.mark.long
def test_a_host_that_comes_back_loses_nothing_and_its_silence_is_named(deployed: Place, tmp_path: Path) -> None:
    chosen, out = _scenario(tmp_path, duration_s=10), tmp_path / "run"
    running = deployed.swarm(chosen, "--hosts", ",".join(HOSTS), options=f"--out {out}")
    assert running.stdout is not None
    _until_measuring(running.stdout)
    deployed.machines.cut_off("host-2")
    time.sleep(OUTAGE_S)  # the outage itself
    deployed.machines.join("host-2")
    printed, complained = running.communicate(timeout=120)
    assert running.returncode == 98, printed + complained
    run = document.load(out / "record.json")
    looks = run.arrivals["looks"]
    assert looks.load.offered == looks.scheduled == len(_due(run, chosen))
    assert looks.load.offered == looks.load.completed + looks.load.failed
    assert (run.requests["look"].service_time_ms.max or 0.0) > 2_000  # the outage looks like a slow target
    checks = _checks(out)
    assert re.fullmatch(r"3 of 3, silent: worker \d on host-2 for \d s", checks["workers"]["observed"])
    assert [name for name, check in checks.items() if check["status"] == "failed"] == ["workers"]


@pytest.mark.alone
@pytest.mark.long
@pytest.mark.parametrize(("how", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_workers_end_with_an_interrupted_or_killed_run(
    deployed: Place, tmp_path: Path, how: signal.Signals, status: int
) -> None:
    chosen, fleet = _scenario(tmp_path, duration_s=60), tmp_path / "fleet.toml"
    fleet.write_text(f"hosts = {list(HOSTS)}\nrestart = 'true'\nhealth = 'true'\n")
    running = deployed.swarm(chosen, "--fleet", str(fleet), "--processes", "2", "--master", "192.0.2.1:6000")
    assert running.stdout is not None
    _until_measuring(running.stdout)
    assert all(sum(" -m locust " in command for command in deployed.working(host)) == 2 for host in HOSTS)
    os.killpg(running.pid, how)
    running.communicate(timeout=120)
    assert running.returncode == status
    wait_until(lambda: not any(map(deployed.working, HOSTS)), what="the end of all workers")
    wait_until(lambda: not deployed.machines.commands("lead"), what="the end of the run")


def test_a_run_without_any_worker_ends_at_once(deployed: Place, tmp_path: Path) -> None:
    for disk in deployed.disks.values():
        (disk / "likestorm" / "current" / "likestorm.py").write_text("raise SystemExit('no worker here')")
    running = deployed.swarm(_scenario(tmp_path), "--hosts", ",".join(HOSTS), options=f"--out {tmp_path / 'run'}")
    printed, complained = running.communicate(timeout=60)
    assert running.returncode == 130
    assert set(_outcomes(printed).values()) == {("failed", "exit status 1: no worker here")}
    assert complained.count("exit status 1: no worker here\n") == len(HOSTS)


def test_hosts_without_the_code_and_different_releases_are_named_first(deployed: Place, tmp_path: Path) -> None:
    chosen = _scenario(tmp_path)
    (deployed.disks["host-2"] / "likestorm" / "current" / ".venv").unlink()
    running = deployed.swarm(chosen, "--hosts", ",".join((*HOSTS, "lead")))
    printed, complained = running.communicate(timeout=120)
    assert (running.returncode, complained) == (1, "some hosts cannot run a worker\n")
    shown = _outcomes(printed)
    assert (shown["host-1"][0], shown["host-2"][0]) == ("done", "failed")
    assert "no .venv/bin/python in likestorm/current" in shown["host-2"][1]
    assert "cannot be reached" in printed
    disk = deployed.disks["host-3"] / "likestorm"
    (disk / "releases" / ("0" * 40)).rename(disk / "releases" / ("1" * 40))
    (disk / "current").unlink()
    (disk / "current").symlink_to(f"releases/{'1' * 40}")
    running = deployed.swarm(chosen, "--hosts", "host-1,host-3")
    _, complained = running.communicate(timeout=120)
    assert running.returncode == 2
    assert complained == (
        "the hosts have different releases (host-1 000000000000, host-3 111111111111): `fab deploy` brings one to all\n"
    )
