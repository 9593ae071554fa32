"""The stack as processes of this machine: brought up, attached to, filled, audited and taken down."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import msgspec
import psutil

from compose import configuration, connection_limits
from compose.bugsink import part
from compose.credentials import HOST, Credentials, postgres_url
from compose.environment import service_environment
from compose.errors import StackError
from compose.layout import CLONE, STATE, Layout, Storage, choose, find
from compose.local import binaries, processes, promotion, startup, supervision
from compose.local.startup import OnPhase
from compose.local.supervision import State, Supervisor
from compose.locks import alone, interruptible
from compose.parts.service import read_facts
from compose.parts.stores import ending_last
from compose.postgres import clusters
from compose.registry import list_jobs, list_parts
from compose.scraping import ScrapeJob
from compose.topology import Topology

CACHE = CLONE / ".cache"
_STOP_TIMEOUT_S = 30.0
_POLL_S = 0.05


@dataclass(frozen=True)
class _Record:
    """What stack.json holds: enough to reach a stack that another process started."""

    topology: Topology
    credentials: Credentials
    pid: int
    born: float


@dataclass(frozen=True)
class Target:
    """A running stack as its users see it.

    environment: for `python -m service …`, with secrets. scrape_jobs: every target of its Prometheus. run_dir: gone
    when the stack is; state_dir and logs_dir stay. storage: what run_dir, and with it all data, lies on.
    hosts: where it is, beside loopback. facts: on what it runs, for a record.
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
        """What supervisord says of each part; StackError when it does not answer."""
        return self.supervisor.states()

    def pids(self) -> dict[str, int]:
        """The root process of each part that runs, supervisord among them."""
        running = {name: state.pid for name, state in self.states().items() if state.pid}
        return running | {"supervisor": self.supervisor_pid}


def _ignore_phase(_phase: str) -> None:
    return


@contextlib.contextmanager
def up(
    topology: Topology, *, on_phase: OnPhase = _ignore_phase, state: Path = STATE, storage: Storage | None = None
) -> Iterator[Target]:
    """A stack that lives as long as the block, and ends with the caller even when that is killed.

    SIGTERM becomes a KeyboardInterrupt within the block, as Ctrl-C is; while the stack is taken down both are ignored.
    on_phase is told what happens next; storage as choose() takes it. StackError when the stack cannot start, with
    nothing left behind.
    """
    with alone(state), interruptible() as ignore_interrupts:
        programs = _vacate(topology, state)
        layout = choose(state, storage)
        try:
            yield _begin(topology, layout, programs, on_phase, tied=True)
        finally:
            ignore_interrupts()
            _end(layout)


def start(
    topology: Topology,
    *,
    on_phase: OnPhase = _ignore_phase,
    state: Path = STATE,
    storage: Storage | None = None,
    fill: Callable[[Target], object] | None = None,
) -> Target:
    """A stack that outlives the caller, until stop(); StackError when it cannot start, with nothing left behind.

    fill is called when it runs, and is part of the start: if it fails or is interrupted, the stack is taken down.
    """
    with alone(state), interruptible() as ignore_interrupts:
        programs = _vacate(topology, state)
        layout = choose(state, storage)
        try:
            target = _begin(topology, layout, programs, on_phase, tied=False)
            if fill:
                on_phase("data")
                fill(target)
        except BaseException:
            ignore_interrupts()
            _end(layout)
            raise
        return target


def stop(state: Path = STATE) -> bool:
    """Take down whatever runs or was left; False when there was nothing."""
    return _end(find(state))


def running(state: Path = STATE) -> Target | None:
    """The stack that runs, whoever started it."""
    layout = find(state)
    record = _read_record(layout)
    if record is None or not processes.is_alive(record.pid, record.born):
        return None
    target = _target(layout, record)
    return replace(target, facts=read_facts(record.topology)) if target.supervisor.answers() else None


def promote(target: Target, server: str, on_step: promotion.OnStep = _ignore_phase) -> None:
    """Put a primary's replica in its place, whether it still runs or not.

    UsageError when there is no such server or it has no replica left, StackError when it cannot be done.
    """
    port = target.topology.ports.get(f"{server}-replica", 0)
    url = postgres_url("postgres", _secrets(target).superuser, port)
    promotion.promote(target.supervisor, Path(target.environment["LIKESTORM_SHARDS"]), server, url, on_step)


def read_errors(target: Target) -> Mapping[str, part.Issue] | None:
    """Every issue of the error tracker by its id; None without a tracker, StackError when it does not answer."""
    return part.read(target.topology, _secrets(target)) if target.topology.errors else None


def _secrets(target: Target) -> Credentials:
    record = _read_record(find(target.state_dir))
    if record is None:
        raise StackError("not running")
    return record.credentials


def seed(
    target: Target,
    *,
    users: int,
    photos_per_user: int,
    follows_per_user: int,
    seed: int,
    active_users: int | None = None,
    is_shown: bool = False,
) -> Path:
    """Empty the stores, fill them with this data, and return the manifest of what is there.

    The same numbers give the same data. active_users: how many are logged in, None as the seeder likes. is_shown: the
    seeder's progress goes to the caller's terminal. StackError with the seeder's own complaint.
    """
    numbers = {
        "--users": users,
        "--photos-per-user": photos_per_user,
        "--follows-per-user": follows_per_user,
        "--seed": seed,
    }
    if active_users is not None:
        numbers["--active-users"] = active_users
    options = [text for name, number in numbers.items() for text in (name, str(number))]
    arguments = ("seed", *options, "--cache", str(CACHE), "--manifest", str(manifest(target)))
    startup.run_service(arguments, target.environment, is_shown=is_shown)
    return manifest(target)


def manifest(target: Target) -> Path:
    """Where the list of what the stores were filled with is, once they were: users with sessions, photos, JPEGs."""
    return target.run_dir / "manifest.json"


def audit(target: Target, since: datetime) -> dict[str, list[str]]:
    """What the stores hold that was made since then (aware of its time zone): likes, photos, objects, users."""
    printed = startup.run_service(("audit", "--since", since.isoformat()), target.environment)
    return msgspec.json.decode(printed, type=dict[str, list[str]])


def _vacate(topology: Topology, state: Path) -> Mapping[str, str]:
    """Make sure that a stack can start here, sweep up what a killed one left, and return where the programs are."""
    programs = binaries.locate()
    if running(state):
        raise StackError(f"a stack already runs from {state} (make down)")
    stop(state)
    connection_limits.check(topology)
    startup.check_ports(topology)
    return programs


def _begin(topology: Topology, layout: Layout, programs: Mapping[str, str], on_phase: OnPhase, *, tied: bool) -> Target:
    credentials = Credentials()
    layout.make()
    parts = list_parts(topology, layout, credentials, programs)
    configuration.write(topology, layout, credentials, parts)
    on_phase("supervisor and database")
    pid = supervision.launch(layout, tied=tied)
    record = _Record(topology, credentials, pid, processes.birth(pid))
    _write_record(layout, record)
    clusters.initialise(topology, layout, credentials, programs)
    target = _target(layout, record)
    startup.await_supervisor(target.supervisor, layout, lambda: processes.is_alive(record.pid, record.born))
    startup.bring_up(topology, layout, credentials, parts, target.supervisor, on_phase, target.environment)
    return replace(target, facts=read_facts(topology))


def _target(layout: Layout, record: _Record) -> Target:
    ports = record.topology.ports
    return Target(
        topology=record.topology,
        url=f"http://{HOST}:{ports['front']}",
        prometheus_url=f"http://{HOST}:{ports['prometheus']}",
        store_url=f"http://{HOST}:{ports['store']}",
        cdn_url=f"http://{HOST}:{ports['cdn']}",
        state_dir=layout.state,
        run_dir=layout.run,
        logs_dir=layout.logs,
        storage=layout.storage,
        environment=supervision.environment(layout) | service_environment(record.topology, layout, record.credentials),
        scrape_jobs=list_jobs(record.topology),
        supervisor=Supervisor(ports["supervisor"], record.credentials.supervisor),
        supervisor_pid=record.pid,
    )


def _write_record(layout: Layout, record: _Record) -> None:
    layout.record.touch(mode=0o600)
    layout.record.write_bytes(msgspec.json.encode(record))


def _read_record(layout: Layout) -> _Record | None:
    try:
        return msgspec.json.decode(layout.record.read_bytes(), type=_Record)
    except (OSError, msgspec.MsgspecError):
        return None


def _end(layout: Layout) -> bool:
    """Take the stack down in good order if it answers, by force if not; False when there was nothing."""
    record = _read_record(layout)
    if record and processes.is_alive(record.pid, record.born):
        with contextlib.suppress(StackError):
            _stop_orderly(_target(layout, record))
    left = processes.find(layout, record.pid if record else None)
    processes.end(left)
    anything = bool(record or left or layout.run.exists())
    layout.clear()
    return anything


def _stop_orderly(target: Target) -> None:
    """First whatever asks others, then whom it asks, then supervisord."""
    deadline = time.monotonic() + _STOP_TIMEOUT_S
    states = target.states()
    last = states.keys() & ending_last(target.topology)
    for names in (states.keys() - last, last):
        target.supervisor.stop(names)
        while any(state.pid for name, state in target.states().items() if name in names):
            if time.monotonic() > deadline:
                return
            time.sleep(_POLL_S)
    target.supervisor.shut_down()
    with contextlib.suppress(psutil.Error):
        psutil.Process(target.supervisor_pid).wait(timeout=_POLL_S * 100)
