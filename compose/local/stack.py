"""A running stack, and the record by which another process finds it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from compose.credentials import Credentials
from compose.environment import service_environment
from compose.files import write_whole
from compose.layout import Layout, Storage
from compose.local import processes, supervision
from compose.local.supervision import State, Supervisor
from compose.registry import list_jobs
from compose.scraping import ScrapeJob
from compose.topology import LOOPBACK, Topology


@dataclass(frozen=True)
class Record:
    """The content of stack.json; `born`: when supervisord began, which tells its pid from a later process's."""

    topology: Topology
    credentials: Credentials
    pid: int
    born: float

    @property
    def is_alive(self) -> bool:
        """Whether the stack's supervisord runs."""
        return processes.is_alive(self.pid, self.born)


@dataclass(frozen=True)
class Target:
    """A running stack as its users see it.

    environment: for `python -m service …`, with secrets. scrape_jobs: every target of its Prometheus. run_dir: gone
    when the stack is; state_dir and logs_dir stay. storage: the kind of storage of run_dir, and of all data.
    hosts: names of the stack beside loopback. facts: versions and the like, for a record.
    """

    topology: Topology
    url: str
    prometheus_url: str
    store_url: str
    cdn_url: str
    state_dir: Path
    run_dir: Path
    logs_dir: Path
    storage: Storage
    environment: Mapping[str, str]
    scrape_jobs: tuple[ScrapeJob, ...]
    supervisor: Supervisor
    supervisor_pid: int
    hosts: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)

    def states(self) -> dict[str, State]:
        """The state of each part by supervisord's account; StackError when supervisord does not answer."""
        return self.supervisor.states()

    def pids(self) -> dict[str, int]:
        """The root process of each part that runs, supervisord among them."""
        running = {name: state.pid for name, state in self.states().items() if state.pid}
        return running | {"supervisor": self.supervisor_pid}


def attach(layout: Layout, record: Record) -> Target:
    """The stack that a record describes."""
    ports = record.topology.ports
    return Target(
        topology=record.topology,
        url=f"http://{LOOPBACK}:{ports['front']}",
        prometheus_url=f"http://{LOOPBACK}:{ports['prometheus']}",
        store_url=f"http://{LOOPBACK}:{ports['store']}",
        cdn_url=f"http://{LOOPBACK}:{ports['cdn']}",
        state_dir=layout.state,
        run_dir=layout.run,
        logs_dir=layout.logs,
        storage=layout.storage,
        environment=supervision.environment(layout) | service_environment(record.topology, layout, record.credentials),
        scrape_jobs=list_jobs(record.topology),
        supervisor=Supervisor(ports["supervisor"], record.credentials.supervisor),
        supervisor_pid=record.pid,
    )


def write_record(layout: Layout, record: Record) -> None:
    """Write stack.json, readable to its owner alone."""
    write_whole(layout.record, msgspec.json.encode(record))


def read_record(layout: Layout) -> Record | None:
    """The content of stack.json; None when there is none that can be read."""
    try:
        return msgspec.json.decode(layout.record.read_bytes(), type=Record)
    except (OSError, msgspec.MsgspecError):
        return None
