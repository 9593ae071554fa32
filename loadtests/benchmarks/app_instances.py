"""App instances in the place of a stack's own, in two sets side by side of which one serves.

Half of the nginx instances know the one set, the others the other, and the balancer is told to whom it gives requests.
So it takes some milliseconds to let the other set serve, and nobody connects anew: both can be measured in turn, often
enough that whatever else the machine is doing meets them alike.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import psutil

from compose import layout
from compose.errors import StackError
from compose.haproxy.runtime import Balancer
from compose.local import Target
from compose.parts import Part, launcher, metrics_folder
from compose.parts.service import list_service
from compose.readiness import http_probe
from compose.rolling import Gateways
from compose.topology import Topology

READY_S, STOP_S = 60.0, 30.0
POLL_S = 0.005
WATCHERS = ("prometheus", "collectors")
"""The parts that have work with what the instances keep."""
_METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def doubled(topology: Topology) -> Topology:
    """The same with room for two sets of app instances, each as large as its own."""
    return replace(topology, app=2 * topology.app)


class Instances:
    """A stack of a doubled topology, whose app instances are started anew at will.

    While this lives, supervisord leaves them alone.
    """

    def __init__(self, target: Target) -> None:
        topology = target.topology
        place = layout.find(target.state_dir)
        self._target = target
        self._parts = {part.name: part for part in list_service(topology, place, {})}
        half = topology.app // 2
        self.sets = (topology.app_instances[:half], topology.app_instances[half:])
        gates = topology.nginx_instances
        self._gates = dict(zip(self.sets, (gates[: len(gates) // 2], gates[len(gates) // 2 :]), strict=True))
        if not all(self._gates.values()):
            raise StackError("two sets side by side need two nginx instances at least")
        self._gateways = Gateways(topology, target.run_dir)
        self._balancer = Balancer(target.run_dir / "front")
        self._processes: dict[str, list[psutil.Process]] = {}
        self._watched: frozenset[str] = frozenset()
        names = set(topology.app_instances)
        target.supervisor.stop(names)
        _await(lambda: not any(state.pid for name, state in target.states().items() if name in names), "they stop")
        # What is scraped is a link, which leads to what an instance keeps only while that serves and is watched.
        self._nothing = target.run_dir / "nothing"
        self._nothing.mkdir()
        self._links = {name: metrics_folder(place, name) for name in names}
        for link in self._links.values():
            link.rename(_kept(link))
            link.symlink_to(self._nothing)

    @contextlib.contextmanager
    def fresh(self, settings: Mapping[str, str], watched: Sequence[str]) -> Iterator[None]:
        """Fresh instances of both sets while the block lasts; StackError where they do not start.

        settings: on top of what the stack tells its own. watched: those that keep metrics.
        """
        self._watched = frozenset(watched)
        with contextlib.ExitStack() as running:
            pids = {name: running.enter_context(self._process(self._parts[name], settings)) for name in self._links}
            for name in pids:
                probe = http_probe(self._target.topology.ports[name], "/readyz")
                _await(lambda probe=probe: _answers(probe), f"{name} is ready")  # type: ignore[misc]
            for names, gates in self._gates.items():
                for gate in gates:
                    self._gateways.leave_out_of(gate, frozenset(self._links).difference(names))
            pids.update(self._target.pids())
            self._processes = {name: _family(pids[name]) for name in (*self._links, *WATCHERS)}
            yield

    def serve(self, names: Sequence[str]) -> None:
        """Send all requests to this set, and scrape of the app instances only those of it that are watched.

        When it returns, the other set has none in hand.
        """
        for name, link in self._links.items():
            shown = _kept(link) if name in self._watched.intersection(names) else self._nothing
            new = link.with_suffix(".new")
            new.symlink_to(shown)
            new.replace(link)
        others = [gate for other, gates in self._gates.items() if other != tuple(names) for gate in gates]
        for gate in self._gates[tuple(names)]:
            self._balancer.admit(gate)
        for gate in others:
            self._balancer.drain(gate)
        _await(lambda: self._in_hand(others) == 0, "the other set has answered all")

    def answered(self, names: Sequence[str]) -> int:
        """How many requests this set has answered with 2xx so far."""
        servers = self._balancer.servers()
        return sum(servers[gate].answered for gate in self._gates[tuple(names)])

    def cpu_s(self, names: Sequence[str]) -> float:
        """CPU time in seconds that these instances, or WATCHERS, have used so far; StackError where one has ended."""
        try:
            used = [process.cpu_times() for name in names for process in self._processes[name]]
        except psutil.NoSuchProcess as error:
            raise StackError(f"{' or '.join(names)} has lost a process: {error}") from error
        return sum(times.user + times.system for times in used)

    def _in_hand(self, gates: Sequence[str]) -> int:
        servers = self._balancer.servers()
        return sum(servers[gate].in_hand for gate in gates)

    @contextlib.contextmanager
    def _process(self, part: Part, settings: Mapping[str, str]) -> Iterator[int]:
        environment = {**self._target.environment, **part.environment, **settings}
        if part.name in self._watched:
            environment[_METRICS_FOLDER] = str(_kept(self._links[part.name]))
        else:
            environment["LIKESTORM_METRICS"] = "0"
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
