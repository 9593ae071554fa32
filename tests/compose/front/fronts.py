"""The front's parts as real processes, before tiny app servers and a real object store."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import urllib3

from compose.credentials import Credentials
from compose.files import write_whole
from compose.layout import Layout
from compose.local import binaries
from compose.local.supervision import environment
from compose.parts import Part
from compose.parts.balancer import balancer_probes, list_balancer, open_folders
from compose.readiness import Probe, http_probe
from compose.registry import list_files
from compose.topology import LOOPBACK, Topology
from tests.servers import stop, wait_until


@dataclass
class Front:
    """Parts by name, started and stopped one by one."""

    topology: Topology
    layout: Layout
    credentials: Credentials
    parts: Mapping[str, Part]
    probes: Mapping[str, Probe]
    running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.topology.ports['front']}"

    @property
    def cdn_url(self) -> str:
        return f"http://{LOOPBACK}:{self.topology.ports['cdn']}"

    @property
    def written(self) -> Path:
        """What the app servers were asked to write, a line a request."""
        return self.layout.state / "written"

    def start(self, *names: str) -> None:
        """Start these parts, and wait until all are ready."""
        for name in names:
            self.running[name] = self._launch(self.parts[name])
        for name in names:
            wait_until(partial(answers, self.probes[name]), partial(self.runs, name), name)

    def runs(self, name: str) -> bool:
        return self.running[name].poll() is None

    def stop(self, name: str) -> None:
        """End it as supervisord does: one signal to its main process."""
        stop(self.running.pop(name), signal.Signals[f"SIG{self.parts[name].stop_signal}"])

    def replace(self, name: str) -> None:
        """Restart it; it need not be ready yet."""
        self.stop(name)
        self.running[name] = self._launch(self.parts[name])

    def _launch(self, part: Part) -> "subprocess.Popen[bytes]":
        folder = self.layout.folder(part.name)
        own = {"WRITTEN": str(self.written), **part.environment}
        with self.layout.log(part.name).open("ab") as log:
            return subprocess.Popen(
                part.command, cwd=folder, env=environment(self.layout) | own, user=part.user, group=part.user,
                extra_groups=[] if part.user else None, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip


def answers(probe: Probe) -> bool:
    try:
        probe()
    except Exception:
        return False
    return True


@contextmanager
def front(topology: Topology, layout: Layout) -> Iterator[Front]:
    """Nothing runs at the beginning, and nothing at the end."""
    credentials = Credentials()
    layout.make()
    parts = (
        *list_balancer(topology, layout, credentials, binaries.locate()),
        *_behind(topology, layout, credentials),
    )
    files = list_files(topology, layout, credentials)
    for part in parts:
        folder = layout.make_folder(part.name, part.user)
        for name, text in files.get(part.name, {}).items():
            write_whole(folder / name, text, user=part.user)
    for name in open_folders(topology):
        layout.folder(name).chmod(0o711)
    probes = {
        **balancer_probes(topology),
        **{name: http_probe(topology.ports[name], "/readyz") for name in topology.app_instances},
        "store": http_probe(topology.ports["store"], "/", status=403),
    }
    running = Front(topology, layout, credentials, {part.name: part for part in parts}, probes)
    running.written.touch()
    try:
        yield running
    finally:
        for name in tuple(running.running):
            running.stop(name)
        layout.clear()


def _behind(topology: Topology, layout: Layout, credentials: Credentials) -> Iterator[Part]:
    for name in topology.app_instances:
        yield Part(
            name, "service",
            (sys.executable, "-m", "gunicorn", "--bind", f"{LOOPBACK}:{topology.ports[name]}", "--threads", "4",
             "--keep-alive", "75", "--no-control-socket", "--log-level", "critical", "tests.compose.front.tiny:app"),
            environment={"LIKESTORM_INSTANCE": name},
        )  # fmt: skip
    data = layout.folder("store") / "data"
    yield Part(
        "store", "stores",
        (sys.executable, "-m", "nanio", "serve", "--host", LOOPBACK, "--port", str(topology.ports["store"]),
         "--data-dir", str(data), "--log-level", "error", "--no-access-log"),
        environment={"NANIO_ACCESS_KEY": credentials.store_access, "NANIO_SECRET_KEY": credentials.store_secret},
    )  # fmt: skip


def fetch(url: str, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes | None = None,
          timeout: float = 10) -> urllib3.BaseHTTPResponse:  # fmt: skip
    """One request on a connection of its own, as it was answered, whatever the status."""
    with urllib3.PoolManager(timeout=timeout, retries=False) as pool:
        return pool.request(method, url, headers=dict(headers or {}), body=body)
