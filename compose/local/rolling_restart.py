"""A rolling restart: app servers, then nginx instances, one by one, while requests go on.

An nginx is restarted when the balancer sends it no requests and none is in flight, an app server when no nginx sends
it requests.
"""

import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from compose.errors import StackError, UsageError
from compose.files import write_whole
from compose.haproxy.runtime import Balancer
from compose.local.stack import Target
from compose.locks import exclusive
from compose.nginx.configuration import app_servers
from compose.readiness import http_probe, wait_until
from compose.topology import Topology

# Longer than nginx and haproxy wait for an answer, so every request in flight has ended.
DRAIN_TIMEOUT_S = 20.0
READY_TIMEOUT_S = 30.0
_POLL_S = 0.02

OnStep = Callable[[str], None]
Replace = Callable[[str], None]
"""Stops a part in good order and starts it; StackError when that fails."""


def restart(target: Target, on_step: OnStep) -> None:
    """Restart all app servers and nginx instances of a running stack without a failed request.

    StackError names the instance that failed: later ones are unchanged, an app server that did not return stays out.
    """

    def replace(name: str) -> None:
        target.supervisor.stop([name])
        _await(lambda: target.states()[name].pid == 0, f"{name} does not end", DRAIN_TIMEOUT_S)
        target.supervisor.start([name])

    Rolling(target.topology, target.run_dir, replace, on_step).run()


class Gateways:
    """Every nginx of the stack whose run folder is `run`, changed without a failed request."""

    def __init__(self, topology: Topology, run: Path) -> None:
        self._topology = topology
        self._run = run
        self._balancer = Balancer(run / "front")

    def leave_out(self, down: frozenset[str]) -> None:
        """Take these app servers out of every nginx, and put the others in; waits until they have no request in flight.

        StackError names the nginx that failed; later ones are unchanged.
        """
        for name in self._topology.nginx_instances:
            # Drained first: an old worker closes connections on which a request may just be arriving.
            with self.out(name):
                write_whole(self._run / name / "apps.conf", app_servers(self._topology, down))
                _reload(name, self._run / name / "nginx.pid")

    @contextlib.contextmanager
    def out(self, name: str) -> Iterator[None]:
        """Within the block this nginx has no request in flight and gets none; afterwards it is in service again."""
        for other in self._topology.nginx_instances:
            self._await_healthy(other)
        self._balancer.drain(name)
        try:
            _await(
                lambda: self._balancer.servers()[name].in_flight == 0,
                f"{name} still has requests in flight", DRAIN_TIMEOUT_S,
            )  # fmt: skip
            yield
            self._await_healthy(name)
        finally:
            # After a failure too: haproxy's health check decides.
            self._balancer.admit(name)

    def _await_healthy(self, name: str) -> None:
        _await(lambda: self._balancer.servers()[name].is_healthy, f"{name} is not healthy to haproxy", READY_TIMEOUT_S)


class Rolling:
    """One rolling restart of the stack whose run folder is `run`."""

    def __init__(self, topology: Topology, run: Path, replace: Replace, on_step: OnStep) -> None:
        self._topology = topology
        self._run = run
        self._replace = replace
        self._on_step = on_step
        self._gateways = Gateways(topology, run)

    def run(self) -> None:
        """Restart all of them; UsageError where no other instance can serve, or another rolling restart runs."""
        if self._topology.app < 2 or self._topology.nginx < 2:
            raise UsageError("a rolling restart needs at least 2 app servers and 2 nginx")
        with exclusive(self._run / "front", UsageError("a rolling restart is under way already")):
            for name in self._topology.app_instances:
                self._await_ready(name, "/readyz")
            for name in self._topology.app_instances:
                self._swap_app(name)
            self._gateways.leave_out(frozenset())
            for name in self._topology.nginx_instances:
                self._swap_nginx(name)

    def _swap_app(self, name: str) -> None:
        # The reload that takes this app server out puts the previous one back.
        self._gateways.leave_out(frozenset({name}))
        self._on_step(f"{name} is out, restarting it")
        self._replace(name)
        self._await_ready(name, "/readyz")

    def _swap_nginx(self, name: str) -> None:
        with self._gateways.out(name):
            self._on_step(f"{name} is out, restarting it")
            self._replace(name)
            self._await_ready(name, "/healthz")

    def _await_ready(self, name: str, path: str) -> None:
        probe, reason = http_probe(self._topology.ports[name], path), "never asked"

        def is_ready() -> bool:
            nonlocal reason
            try:
                probe()
            except Exception as error:
                reason = " ".join(str(error).split()) or type(error).__name__
                return False
            return True

        try:
            _await(is_ready, f"{name} is not ready", READY_TIMEOUT_S)
        except StackError as error:
            raise StackError(f"{error} ({reason})") from error


def _reload(name: str, pid_file: Path) -> None:
    """Make nginx read its configuration, and wait until the workers with the old one are gone."""
    try:
        master = psutil.Process(int(pid_file.read_text()))
        old = master.children()
        master.send_signal(signal.SIGHUP)
    except (OSError, ValueError, psutil.Error) as error:
        raise StackError(f"{name} cannot be reloaded: {error}") from error
    _, left = psutil.wait_procs(old, timeout=DRAIN_TIMEOUT_S)
    if left:
        raise StackError(f"{name} does not take its new configuration (its log says why)")


def _await(condition: Callable[[], bool], what: str, timeout_s: float) -> None:
    if not wait_until(condition, timeout_s, _POLL_S):
        raise StackError(f"{what} after {timeout_s:g} s")
