"""App instances in the place of a stack's own, each of which answers with the service's metrics off or on, as told.

Changing sides takes no time, and nobody connects anew: both can be measured in turn, often enough that whatever else
the machine is doing meets them alike.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import psutil
from likestorm.comparison.interleaved import Which

from compose import layout
from compose.errors import StackError
from compose.haproxy.runtime import Balancer
from compose.local import Target
from compose.local.rolling_restart import Gateways
from compose.parts import Part, launcher, metrics_folder
from compose.parts.service import list_service
from compose.readiness import http_probe
from loadtests.benchmarks.switch import SAME, Switch

READY_S, STOP_S = 60.0, 30.0
POLL_S = 0.005
WATCHERS = ("prometheus", "collectors")
"""The parts that have work with what the instances keep."""
_SERVICE, _BOTH = "service.app:from_env()", "loadtests.benchmarks.both:from_env()"


class Instances:
    """A stack whose app instances are started anew at will, with a base, which keeps no metrics, and a candidate.

    While this lives, supervisord leaves them alone. same: the base keeps metrics, too.
    """

    def __init__(self, target: Target, *, same: bool) -> None:
        self._target = target
        self._same = same
        self.names = target.topology.app_instances
        place = layout.find(target.state_dir)
        self._parts = [part for part in list_service(target.topology, place, {}) if part.name in self.names]
        self._gateways = Gateways(target.topology, target.run_dir)
        self._balancer = Balancer(target.run_dir / "front")
        self._switch_file = target.run_dir / "switch"
        self._switch = Switch.create(self._switch_file)
        self._processes: dict[str, list[psutil.Process]] = {}
        target.supervisor.stop(self.names)
        _await(lambda: not any(state.pid for name, state in target.states().items() if name in self.names), "they stop")
        # What is scraped is a link, which leads to what an instance keeps only while metrics are on.
        self._nothing = target.run_dir / "nothing"
        self._nothing.mkdir()
        self._links = {name: metrics_folder(place, name) for name in self.names}
        for link in self._links.values():
            link.rename(_kept(link))
            link.symlink_to(self._nothing)

    @contextlib.contextmanager
    def fresh(self, settings: Mapping[str, str]) -> Iterator[None]:
        """Fresh instances while the block lasts; StackError where they do not start.

        settings: on top of what the stack tells its own.
        """
        with contextlib.ExitStack() as running:
            pids = {part.name: running.enter_context(self._process(part, settings)) for part in self._parts}
            for name in self.names:
                probe = http_probe(self._target.topology.ports[name], "/readyz")
                _await(lambda probe=probe: _answers(probe), f"{name} is ready")  # type: ignore[misc]
            # nginx has noticed that they were away, and would leave them alone for a while.
            self._gateways.leave_out(frozenset())
            pids = self._target.pids() | pids
            self._processes = {name: _family(pids[name]) for name in (*self.names, *WATCHERS)}
            yield

    def serve(self, side: Which) -> None:
        """Let this side answer from now on, and have of the instances scraped only what it keeps."""
        for link in self._links.values():
            new = link.with_suffix(".new")
            new.symlink_to(_kept(link) if self._same or side == "candidate" else self._nothing)
            new.replace(link)
        self._switch.turn(int(side == "candidate"))

    def answered(self) -> int:
        """How many requests have been answered with 2xx so far."""
        return sum(server.answered for server in self._balancer.servers().values())

    def cpu_s(self, names: Sequence[str]) -> float:
        """CPU time in seconds that these instances, or WATCHERS, have used so far; StackError where one has ended."""
        try:
            used = [process.cpu_times() for name in names for process in self._processes[name]]
        except psutil.NoSuchProcess as error:
            raise StackError(f"{' or '.join(names)} has lost a process: {error}") from error
        return sum(times.user + times.system for times in used)

    @contextlib.contextmanager
    def _process(self, part: Part, settings: Mapping[str, str]) -> Iterator[int]:
        kept = str(_kept(self._links[part.name]))
        told = {"PROMETHEUS_MULTIPROC_DIR": kept, Switch.FILE: str(self._switch_file)}
        environment = {**self._target.environment, **part.environment, **settings, **told}
        if self._same:
            environment[SAME] = "1"
        command = tuple(_BOTH if word == _SERVICE else word for word in part.command)
        # It ends with us even when we are killed.
        command = ("setpriv", "--pdeathsig", "TERM", "--", *launcher(replace(part, command=command)))
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


def _kept(link: Path) -> Path:
    """Where the instance keeps its metrics to which this link may lead."""
    return link.with_name("kept")


def _family(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


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
