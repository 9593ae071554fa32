"""The reference stack as a target: compose starts it, the service's own tools seed and audit it."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from likestorm.errors import LikestormError, UsageError
from likestorm.results.prometheus import Prometheus
from likestorm.results.reconciliation import Counting, PromqlHop
from likestorm.results.record.target import ErrorGroup, PanelData
from likestorm.results.running import ExpectedScrape, Running, WaitCounters
from likestorm.targets.base import OnPhase
from msgspec import Meta, Struct

from compose import errors, local
from compose.bugsink import part as bugsink
from compose.containers import target as containers
from compose.layout import STATE, Storage
from compose.topology import DEFAULT, DEFAULT_BASE_PORT, Topology, named
from dashboards import DashboardsError, history
from dashboards.panels import REPORTED, window_of
from loadtests.photoapp import versions
from service import catalog

Count = Annotated[int, Meta(ge=1)]

STORAGE_FACTS: Mapping[Storage, str] = {
    "memory": "memory (photos: page cache): a sync costs nothing",
    "disk": "disk: commits wait for it",
    "unsynced": "disk without fsync: a sync costs nothing",
}
PROBES = "/healthz|/readyz"
"""Routes of health checks, which nginx does not log."""
RETRIES = "sum({__name__=~'haproxy_backend_(retry|redispatch)_warnings_total'})"
DATABASE_WAIT = WaitCounters(
    "db", "pool", "PgBouncer",
    "pgbouncer_stats_client_wait_seconds_total", "pgbouncer_stats_queries_duration_seconds_total",
)  # fmt: skip
"""The wait in PgBouncer, which the application cannot see. PgBouncer's query time includes the wait."""


class Data(Struct, frozen=True, forbid_unknown_fields=True):
    """The seeded data; active_users of the users are logged in and act."""

    users: Count
    photos_per_user: Count
    follows_per_user: Count
    active_users: Count | None = None


class StackSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of [target] for the stack.

    topology: a name or a .toml file. base_port: the first port. storage: None means memory if there is enough. errors:
    with the error tracker. keep: use the data of a running stack. state: the folder of the stack's files.
    """

    topology: str = DEFAULT
    base_port: int = DEFAULT_BASE_PORT
    storage: Literal["memory", "disk", "unsynced"] | None = None
    errors: bool = False
    keep: bool = False
    state: str = str(STATE)
    data: Data | None = None


class PhotoApp:
    """The photo-sharing stack: a running one, or else a new one."""

    Settings: ClassVar[type[Struct]] = StackSettings
    objectives: ClassVar[Path | None] = catalog.OBJECTIVES

    def __init__(self, settings: StackSettings, seed: int) -> None:
        self._settings, self._seed = settings, seed
        self._state = Path(settings.state).resolve()

    @contextmanager
    def up(self, out: Path, on_phase: OnPhase) -> Iterator[Running]:
        """The seeded stack; its logs and its Prometheus data go to `out`."""
        started = datetime.now(UTC)
        with _errors_translated(), self._stack(on_phase) as stack:
            try:
                yield _Stack(stack, self._filled(stack, on_phase), self._settings)
                _keep_history(stack, started, out, on_phase)
            finally:
                shutil.copytree(stack.logs_dir, out / "logs", dirs_exist_ok=True)

    def kept(self) -> AbstractContextManager[object]:
        """One stack for several runs."""
        return self._stack(lambda _phase: None)

    def _stack(self, on_phase: OnPhase) -> AbstractContextManager[local.Target]:
        with _errors_translated():
            running = containers.attached() or local.running(self._state)
            if running:
                return nullcontext(running)
            return local.up(self._topology(), on_phase=on_phase, state=self._state, storage=self._settings.storage)

    def _topology(self) -> Topology:
        return replace(named(self._settings.topology, self._settings.base_port), errors=self._settings.errors)

    def _filled(self, stack: local.Target, on_phase: OnPhase) -> Path:
        """Seed the stores, unless a running stack keeps its data; returns the manifest of the data."""
        if self._settings.keep:
            manifest = local.manifest(stack)
            if not manifest.exists():
                raise UsageError("there is no data to keep: keep = true (KEEP=1) needs a running, seeded stack")
            on_phase("keeping the data")
            return manifest
        data = self._settings.data
        if data is None:
            raise UsageError("[target.data] is missing: the data to seed the stack with")
        on_phase(f"seeding {data.users:,} users and {data.users * data.photos_per_user:,} photos")
        return local.seed(
            stack,
            users=data.users,
            photos_per_user=data.photos_per_user,
            follows_per_user=data.follows_per_user,
            seed=self._seed,
            active_users=data.active_users,
        )


class _Stack(Running):
    chain_buckets = catalog.CHAIN_DURATION.name
    tier_waits = (DATABASE_WAIT,)

    def __init__(self, stack: local.Target, manifest: Path, settings: StackSettings) -> None:
        super().__init__(stack.url)
        self._stack = stack
        self._errors_before = local.read_errors(stack)
        self.data, self.is_reused = str(manifest), settings.keep
        self.hosts = stack.hosts
        self.metrics_port = stack.topology.ports["generator"]
        self.warm_up_s = stack.topology.warm_up_s
        self.prometheus = stack.prometheus_url
        self.scrapes = [
            ExpectedScrape(each.job, each.instance, each.interval_s, each.is_instrument) for each in stack.scrape_jobs
        ]
        self.memory_folder = stack.run_dir if stack.storage == "memory" else None
        self.settings = {"topology": stack.topology.name, "storage": STORAGE_FACTS[stack.storage]}

    def facts(self) -> Mapping[str, str]:
        return {**self.settings, **versions.describe(), **self._stack.facts}

    def pids(self) -> Mapping[str, int]:
        return self._stack.pids()

    def panels(self, scrape_interval_s: float) -> Sequence[PanelData]:
        window = window_of(scrape_interval_s)
        return [panel.data(window) for panel in REPORTED]

    def counting(self) -> Counting:
        topology = self._stack.topology
        logs = [self._stack.logs_dir / f"{name}-access.log" for name in topology.nginx_instances]
        app = f'sum by (instance) ({catalog.HTTP_REQUESTS.name}{{route!~"{PROBES}"}})'
        prometheus = Prometheus(self._stack.prometheus_url)
        hops = [PromqlHop("app", app)]
        return Counting(prometheus, hops, RETRIES, logs, "nginx", "/healthz", topology.scrape_interval_s)

    def audit(self, since: datetime) -> Mapping[str, Sequence[str]]:
        with _errors_translated():
            return local.audit(self._stack, since)

    def errors(self) -> Sequence[ErrorGroup] | None:
        before, after = self._errors_before, local.read_errors(self._stack)
        if before is None or after is None:
            return None
        return [
            ErrorGroup(issue.kind, issue.message, issue.where, issue.count) for issue in bugsink.between(before, after)
        ]


@contextmanager
def _errors_translated() -> Iterator[None]:
    """Raises errors of compose as errors of the instrument, which have an exit status."""
    try:
        yield
    except errors.UsageError as error:
        raise UsageError(str(error)) from error
    except errors.StackError as error:
        raise LikestormError(str(error)) from error


def _keep_history(stack: local.Target, started: datetime, out: Path, on_phase: OnPhase) -> None:
    """Keep the data of Prometheus for `make view RUN=`; a failure is only reported."""
    if stack.topology.in_containers:
        return  # the data of its Prometheus is inside its container
    try:
        history.keep(stack.prometheus_url, stack.run_dir / "prometheus" / "data", started, out)
    except DashboardsError as error:
        on_phase(f"warning: the run has no Prometheus history: {error}")
