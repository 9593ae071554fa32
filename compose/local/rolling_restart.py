"""A rolling restart: app servers, then nginx instances, one by one, while requests go on.

An instance is out of the way before it is touched: an nginx once the balancer sends it nothing and it has nothing in
hand, an app server once no nginx knows it. Nothing is ever changed under a request.
"""

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from compose.errors import StackError, UsageError
from compose.haproxy.runtime import Balancer
from compose.parts.balancer import app_servers
from compose.readiness import http_probe
from compose.topology import Topology

if TYPE_CHECKING:
    from compose.local import Target

# Longer than nginx and haproxy wait for an answer, so that whatever is in hand has ended one way or another.
DRAIN_TIMEOUT_S = 20.0
READY_TIMEOUT_S = 30.0
_POLL_S = 0.02

OnStep = Callable[[str], None]
Replace = Callable[[str], None]
"""Ends the process of a part in good order and starts it anew; StackError when that fails."""


def restart(target: "Target", on_step: OnStep) -> None:
    """Restart all app servers and nginx instances of a running stack without a failed request.

    StackError says at which it stopped: those after it are as they were, an app server that did not return stays out.
    """

    def replace(name: str) -> None:
        target.supervisor.stop([name])
        _await(lambda: target.states()[name].pid == 0, f"{name} does not end", DRAIN_TIMEOUT_S)
        target.supervisor.start([name])

    Rolling(target.topology, target.run_dir, replace, on_step).run()


class Gateways:
    """Every nginx of the stack whose parts have their folders in `run`, changed without a failed request."""

    def __init__(self, topology: Topology, run: Path) -> None:
        self._topology = topology
        self._run = run
        self._balancer = Balancer(run / "front")

    def leave_out(self, down: frozenset[str]) -> None:
        """Let no nginx send anything to these app servers; when it returns, none of their requests is in hand.

        The others get requests again. StackError names the nginx that does not do so, those after it are as they were.
        """
        for name in self._topology.nginx_instances:
            # Drained first: a worker that is replaced closes connections on which a request may just be arriving.
            with self.out(name):
                _write(self._run / name / "apps.conf", app_servers(self._topology, down))
                _reload(name, self._run / name / "nginx.pid")

    @contextlib.contextmanager
    def out(self, name: str) -> Iterator[None]:
        """Within the block this nginx has no request in hand and gets none; afterwards it is in service again."""
        for other in self._topology.nginx_instances:
            self._await_healthy(other)
        self._balancer.drain(name)
        try:
            _await(
                lambda: self._balancer.servers()[name].in_hand == 0,
                f"{name} still has requests in hand", DRAIN_TIMEOUT_S,
            )  # fmt: skip
            yield
            self._await_healthy(name)
        finally:
            # Also when it failed: haproxy's health check decides.
            self._balancer.admit(name)

    def _await_healthy(self, name: str) -> None:
        _await(lambda: self._balancer.servers()[name].is_healthy, f"{name} is not healthy to haproxy", READY_TIMEOUT_S)


class Rolling:
    """One rolling restart of the parts whose folders are in `run`."""

    def __init__(self, topology: Topology, run: Path, replace: Replace, on_step: OnStep) -> None:
        self._topology = topology
        self._run = run
        self._replace = replace
        self._on_step = on_step
        self._gateways = Gateways(topology, run)

    def run(self) -> None:
        """All of it; UsageError where there is nobody to serve meanwhile, or somebody else is at it."""
        if self._topology.app < 2 or self._topology.nginx < 2:
            raise UsageError("a rolling restart needs 2 app servers and 2 nginx at least, so that the others serve")
        with self._alone():
            for name in self._topology.app_instances:
                self._await_ready(name, "/readyz")
            for name in self._topology.app_instances:
                self._swap_app(name)
            self._gateways.leave_out(frozenset())
            for name in self._topology.nginx_instances:
                self._swap_nginx(name)

    def _swap_app(self, name: str) -> None:
        # The one before comes back by the same reload that takes this one out.
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

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        folder = os.open(self._run / "front", os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as error:
            raise UsageError("a rolling restart is under way already") from error
        finally:
            os.close(folder)


def _write(path: Path, text: str) -> None:
    """In one step: nginx may be started anew at any moment, and must not read half of it."""
    new = path.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text(text)
    new.replace(path)


def _reload(name: str, pid_file: Path) -> None:
    """Have nginx read its configuration, and wait until the workers that have the old one are gone."""
    try:
        master = psutil.Process(int(pid_file.read_text()))
        old = master.children()
        master.send_signal(signal.SIGHUP)
    except (OSError, ValueError, psutil.Error) as error:
        raise StackError(f"{name} cannot be told to reload: {error}") from error
    _, left = psutil.wait_procs(old, timeout=DRAIN_TIMEOUT_S)
    if left:
        raise StackError(f"{name} does not take its new configuration (its log says why)")


def _await(condition: Callable[[], bool], what: str, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise StackError(f"{what} after {timeout_s:g} s")
        time.sleep(_POLL_S)
