"""App instances in the place of a stack's own, with settings of one's own."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import requests
import yaml

from compose import layout
from compose.credentials import HOST
from compose.errors import StackError
from compose.haproxy.runtime import Balancer
from compose.local import Target
from compose.parts import Part, launcher
from compose.parts.service import list_service
from compose.readiness import http_probe

READY_S, STOP_S = 60.0, 30.0
POLL_S = 0.05
JOB = "app"
WATCHERS = ("prometheus", "collectors")
"""The parts that have work with what the instances keep."""
_METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


class Instances:
    """A stack whose app instances are started anew at will; while this lives, supervisord leaves them alone."""

    def __init__(self, target: Target) -> None:
        topology = target.topology
        parts = list_service(topology, layout.find(target.state_dir), {})
        self._target = target
        self._parts = [part for part in parts if part.name in topology.app_instances]
        self._balancer = Balancer(target.run_dir / "front")
        self._configuration = target.run_dir / "prometheus" / "prometheus.yml"
        self._scraped = self._configuration.read_text()
        self._pids: list[int] = []
        names = {part.name for part in self._parts}
        target.supervisor.stop(names)
        _await(lambda: not any(state.pid for name, state in target.states().items() if name in names), "they stop")

    @contextlib.contextmanager
    def serving(self, settings: Mapping[str, str], *, observed: bool) -> Iterator[None]:
        """Fresh instances that serve at the stack's address while the block lasts; StackError where they do not start.

        settings: on top of what the stack tells its own. observed: whether they keep metrics, and are scraped.
        """
        self._scrape(is_on=observed)
        with contextlib.ExitStack() as running:
            self._pids = [
                running.enter_context(self._process(part, settings, observed=observed)) for part in self._parts
            ]
            for part in self._parts:
                probe = http_probe(self._target.topology.ports[part.name], "/readyz")
                _await(lambda probe=probe: _answers(probe), f"{part.name} is ready")  # type: ignore[misc]
            _await(lambda: all(each.is_healthy for each in self._balancer.servers().values()), "haproxy sees them")
            yield

    def cpu_s(self) -> tuple[float, float]:
        """CPU time in seconds that the instances, and who watches them, have used so far."""
        pids = self._target.pids()
        return _cpu_s(self._pids), _cpu_s([pids[name] for name in WATCHERS])

    @contextlib.contextmanager
    def _process(self, part: Part, settings: Mapping[str, str], *, observed: bool) -> Iterator[int]:
        environment = {**self._target.environment, **part.environment, **settings}
        if not observed:
            environment = {**environment, "LIKESTORM_METRICS": "0"}
            del environment[_METRICS_FOLDER]
        # It ends with us even when we are killed.
        command = ["setpriv", "--pdeathsig", "TERM", "--", *launcher(part)]
        with (self._target.logs_dir / f"{part.name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, env=environment, cwd=layout.CLONE, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        try:
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _scrape(self, *, is_on: bool) -> None:
        """Have Prometheus scrape the app instances or not; the rest goes on."""
        configuration: dict[str, Any] = yaml.safe_load(self._scraped)
        if not is_on:
            jobs = configuration["scrape_configs"]
            configuration["scrape_configs"] = [job for job in jobs if job["job_name"] != JOB]
        Path(self._configuration).write_text(yaml.safe_dump(configuration))
        address = f"http://{HOST}:{self._target.topology.ports['prometheus']}/-/reload"
        try:
            requests.post(address, timeout=READY_S).raise_for_status()
        except requests.RequestException as error:
            raise StackError(f"Prometheus does not take its configuration: {error}") from error


def _cpu_s(pids: Sequence[int]) -> float:
    """Of these processes and those that they started."""
    roots = [psutil.Process(pid) for pid in pids]
    used = [each.cpu_times() for root in roots for each in (root, *root.children(recursive=True))]
    return sum(times.user + times.system for times in used)


def _answers(probe: Callable[[], None]) -> bool:
    try:
        probe()
    except Exception:
        return False
    return True


def _await(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + READY_S
    while not condition():
        if time.monotonic() > deadline:
            raise StackError(f"the app instances do not get there: {what}")
        time.sleep(POLL_S)
