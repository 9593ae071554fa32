"""supervisord: its configuration, its start, and questions to it over XML-RPC."""

import http.client
import io
import os
import shlex
import sys
import xmlrpc.client
from collections.abc import Iterable
from configparser import RawConfigParser
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compose.connection_limits import plan
from compose.credentials import Credentials
from compose.errors import StackError
from compose.layout import CLONE, Layout
from compose.parts import STAGES, Part, launcher
from compose.topology import LOOPBACK, Topology

# The variable in every process's environment by which the stack's processes are found.
MARK = "LIKESTORM_STACK"
# States of a process that ended by itself. BACKOFF: it ended within a second, and supervisord starts it again.
DEAD = frozenset({"BACKOFF", "EXITED", "FATAL", "UNKNOWN"})
_USER = "likestorm"
_RPC_TIMEOUT_S = 5.0
# With one glibc heap for each of many threads, freed memory would stay with its thread.
_LEAN = {"MALLOC_ARENA_MAX": "2"}
# Variables that parts inherit from the caller; more would let one run differ from the next.
_INHERITED = ("PATH", "HOME", "USER", "TMPDIR", "TZ")


@dataclass(frozen=True)
class State:
    """The state of one part by supervisord's account; pid is 0 when the part does not run."""

    name: str
    state: str
    pid: int
    uptime_s: float
    detail: str


def configuration_path(layout: Layout) -> Path:
    """supervisord's configuration file."""
    return layout.folder("supervisor") / "supervisord.conf"


def command(layout: Layout) -> tuple[str, ...]:
    """supervisord's command line."""
    return (sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(configuration_path(layout)))


def configure(topology: Topology, layout: Layout, credentials: Credentials, parts: Iterable[Part]) -> str:
    """The text of supervisord.conf: no part starts by itself, a part that dies is started again."""
    config = RawConfigParser()
    daemon = {
        "logfile": layout.log("supervisor"),
        "logfile_maxbytes": "5MB",
        "logfile_backups": 1,
        "pidfile": layout.supervisor_pid,
        "childlogdir": layout.logs,
        "identifier": "likestorm",
        # Its children inherit it, and PgBouncer needs a file for each of its clients.
        "minfds": max(4096, plan(topology).max_files),
    }
    if os.geteuid() == 0:
        daemon["user"] = "root"  # supervisord warns when this is missing
    config["supervisord"] = _escape(daemon)
    config["inet_http_server"] = _escape(
        {"port": f"{LOOPBACK}:{topology.ports['supervisor']}", "username": _USER, "password": credentials.supervisor}
    )
    config["rpcinterface:supervisor"] = {
        "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
    }
    for part in parts:
        config[f"program:{part.name}"] = _escape(_program(part, layout))
    text = io.StringIO()
    config.write(text)
    return text.getvalue()


def _program(part: Part, layout: Layout) -> dict[str, object]:
    program: dict[str, object] = {
        "command": shlex.join(launcher(part)),
        "directory": CLONE if sys.executable in part.command else layout.folder(part.name),
        "environment": ",".join(f'{name}="{value}"' for name, value in part.environment.items()),
        "autostart": "false",
        "autorestart": "true",
        "startsecs": 1,
        "startretries": 10,
        "stopsignal": part.stop_signal,
        "stopwaitsecs": part.patience_s,
        "stopasgroup": "false",
        "killasgroup": "true",
        # Parts stop in reverse order, each before the parts that it needs.
        "priority": STAGES.index(part.stage),
        "redirect_stderr": "true",
        "stdout_logfile": layout.log(part.name),
        "stdout_logfile_maxbytes": "20MB",
        "stdout_logfile_backups": 1,
    }
    return program | ({"user": part.user} if part.user else {})


def _escape(values: dict[str, Any]) -> dict[str, str]:
    return {key: str(value).replace("%", "%%") for key, value in values.items()}


def launch(layout: Layout, *, tied: bool) -> int:
    """Start supervisord in a session of its own, so that Ctrl-C does not reach it, and return its pid.

    tied: when the calling thread ends, even by kill -9, the kernel sends supervisord SIGTERM, which stops every part.
    """
    arguments = (*(("setpriv", "--pdeathsig", "TERM") if tied else ()), *command(layout))
    with layout.log("supervisor-start").open("wb") as log:
        # subprocess.Popen would warn about a process that outlives its object, as this one may.
        return os.posix_spawnp(
            arguments[0], arguments, environment(layout), setsid=True,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, log.fileno(), 1),
                (os.POSIX_SPAWN_DUP2, log.fileno(), 2),
            ],
        )  # fmt: skip


def environment(layout: Layout) -> dict[str, str]:
    """The environment of every process of the stack, Python parts and servers alike."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    own = {MARK: str(layout.state), "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(CLONE)}
    return inherited | own | _LEAN


class _Transport(xmlrpc.client.Transport):
    """A transport with a deadline, which the library's own lacks."""

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = super().make_connection(host)
        connection.timeout = _RPC_TIMEOUT_S
        return connection


class Supervisor:
    """One running supervisord; StackError where it does not answer."""

    def __init__(self, port: int, password: str) -> None:
        self._url = f"http://{_USER}:{password}@{LOOPBACK}:{port}/RPC2"

    def _call(self, method: str, *arguments: object) -> Any:
        try:
            with xmlrpc.client.ServerProxy(self._url, transport=_Transport()) as server:
                return getattr(server.supervisor, method)(*arguments)
        except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as error:
            raise StackError(f"supervisord does not answer: {error}") from error

    def answers(self) -> bool:
        """Whether supervisord runs and is not shutting down."""
        try:
            return bool(self._call("getState")["statename"] == "RUNNING")
        except StackError:
            return False

    def start(self, names: Iterable[str]) -> None:
        """Start these parts without waiting; StackError when one already runs or is about to end."""
        for name in names:
            try:
                self._call("startProcess", name, False)
            except xmlrpc.client.Fault as fault:
                raise StackError(f"{name} cannot be started: {fault.faultString}") from fault

    def states(self) -> dict[str, State]:
        """The state of every part, by name."""
        return {
            info["name"]: State(
                info["name"], info["statename"], info["pid"],
                float(info["now"] - info["start"]) if info["pid"] else 0.0, info["spawnerr"] or info["description"],
            )
            for info in self._call("getAllProcessInfo")
        }  # fmt: skip

    def stop(self, names: Iterable[str]) -> None:
        """Tell these parts to end, without waiting."""
        for name in names:
            try:
                self._call("stopProcess", name, False)
            except xmlrpc.client.Fault:
                continue  # it does not run

    def shut_down(self) -> None:
        """Tell supervisord to stop every part and to end."""
        self._call("shutdown")
