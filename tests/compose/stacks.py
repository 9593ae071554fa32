"""What the tests of compose share: free ports, patience, and parts that stand for real ones."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from compose import layout
from compose.credentials import DATABASE, MONITOR, Credentials, postgres_url
from compose.errors import StackError
from compose.layout import Layout, Storage
from compose.local import binaries, processes, startup, supervision
from compose.local.files import write_files
from compose.local.supervision import MARK, Supervisor
from compose.postgres import clusters, shard_map
from compose.postgres.shard_map import ShardMap
from compose.registry import list_parts, list_probes
from compose.topology import Topology, named
from tests.ports import base_ports


def check_free(base_port: int) -> None:
    """StackError when one of the ports of two stacks from here on is taken."""
    startup.check_ports(named("small", base_port))
    startup.check_ports(named("small", base_port + 50))


def free_range() -> int:
    """A base port with nobody on any port of two stacks from here on."""
    for candidate in base_ports():
        with contextlib.suppress(StackError):
            check_free(candidate)
            return candidate
    raise AssertionError("no free range of ports")


def await_true(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    """Return as soon as the condition holds; AssertionError when it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def list_processes(state: Path) -> list[psutil.Process]:
    """Every process with this stack's mark."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == str(state) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def make_layout(state: Path) -> Layout:
    """A layout whose servers run as whoever runs the tests."""
    layout = Layout(state, state / "run", None)
    layout.make()
    layout.make_folder("supervisor", None)
    return layout


def is_listening(port: int) -> bool:
    """Whether somebody accepts connections on the port."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True)
class Databases:
    """A stack's PostgreSQL servers behind its PgBouncer, and nothing else of it."""

    topology: Topology
    layout: Layout
    credentials: Credentials
    supervisor: Supervisor

    @property
    def map_file(self) -> Path:
        return self.layout.shards

    @property
    def shards(self) -> ShardMap:
        return shard_map.read(self.map_file)

    def pid(self, server: str) -> int:
        return self.supervisor.states()[server].pid

    def url(self, server: str, user: str = "postgres") -> str:
        """Past PgBouncer."""
        password = {"postgres": self.credentials.superuser, MONITOR: self.credentials.monitor}[user]
        return postgres_url(user, password, self.topology.ports[server], DATABASE)

    def ask(self, url: str, statement: str) -> object:
        """The first column of the first row."""
        with psycopg.connect(url, autocommit=True, connect_timeout=3, prepare_threshold=None) as connection:
            found = connection.execute(statement.encode())
            row = found.fetchone() if found.description else None
        return row[0] if row else None

    def make_notes(self) -> None:
        """A table to write to, on every primary."""
        for server in self.shards.servers.values():
            self.ask(server.primary, "CREATE TABLE notes (id bigint PRIMARY KEY, text text NOT NULL)")


@contextlib.contextmanager
def databases(topology: Topology, state: Path, storage: Storage | None = None) -> Iterator[Databases]:
    """All servers answer, and the replicas follow; afterwards nothing is left."""
    made = layout.choose(state, storage)
    made.make()
    credentials, programs = Credentials(), binaries.locate()
    try:
        parts = list_parts(topology, made, credentials, programs)
        write_files(topology, made, credentials, parts)
        clusters.initialise(topology, made, credentials, programs)
        pid = supervision.launch(made, tied=True)
        supervisor = Supervisor(topology.ports["supervisor"], credentials.supervisor)
        startup.await_supervisor(supervisor, made, lambda: psutil.pid_exists(pid))
        names = [*topology.primary_instances, *topology.replica_instances, "pgbouncer"]
        supervisor.start(names)
        probes = list_probes(topology, credentials)
        startup.await_ready({name: probes[name] for name in names}, supervisor, made)
        yield Databases(topology, made, credentials, supervisor)
        supervisor.stop(names)
        await_true(lambda: not any(state.pid for state in supervisor.states().values()))
    finally:
        processes.end(processes.find(made, None))
        made.clear()
