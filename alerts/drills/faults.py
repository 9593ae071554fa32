"""The faults of the drills, and the alerts that each of them must raise."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Concatenate, ParamSpec

from alerts import slo
from alerts.drills.load import BACKGROUND, Load
from alerts.drills.stage import Stage
from compose.faults import fakes, machine, network, processes, repeated, stores
from compose.local import Target

_BURNS = frozenset(alert.name for alert in slo.ALERTS)
_TRAFFIC = frozenset({"PhotoRateOutOfRange", "LikeRateOutOfRange", "SignupRateOutOfRange"})
_REQUESTS = _BURNS | _TRAFFIC | {"ErrorsFlooding"}
"""Symptoms of a fault that fails or delays requests, before the fault's own alert inhibits them."""
_WORK = frozenset({"QueueStalled", "JobsFailing", "PushFailing"}) | {n for n in _BURNS if n.startswith("Chain")}
_ONE_EXPORTER = frozenset({"ExporterUnreachable"})
"""One exporter asks all PostgreSQL servers in turn, and can miss a scrape when a server is away."""

P = ParamSpec("P")


@dataclass(frozen=True)
class Scene:
    """The objects that faults work on; folder: for files of the faults."""

    stage: Stage
    load: Load
    folder: Path


Act = Callable[[Scene], AbstractContextManager[None]]


@dataclass(frozen=True)
class Fault:
    """One fault, which lasts as long as `act`'s block.

    alerts: must fire. symptoms: may fire. patience_s: how long to wait for the alerts. needs_past: the alert compares
    a rate with an earlier one. only_if_named: the fault harms other programs of the machine.
    """

    name: str
    what: str
    alerts: tuple[str, ...]
    act: Act
    symptoms: frozenset[str] = frozenset()
    patience_s: float = 60.0
    needs_past: bool = False
    only_if_named: bool = False


def _on_stack(
    fault: Callable[Concatenate[Target, P], AbstractContextManager[None]], *args: P.args, **options: P.kwargs
) -> Act:
    return lambda scene: fault(scene.stage.target, *args, **options)


def _repeated(act: Act, held_s: float, every_s: float) -> Act:
    return lambda scene: repeated(lambda: act(scene), held_s, every_s)


def _stopped(*parts: str) -> Act:
    return _on_stack(processes.stopped, *parts)


def _frozen(*parts: str) -> Act:
    return _on_stack(processes.frozen, *parts)


def _broken_pictures(scene: Scene) -> AbstractContextManager[None]:
    file = scene.folder / "broken.jpg"
    file.write_bytes(b"this is no picture" * 100)
    return scene.load.added("broken-pictures", {"upload": 6.0}, file)


def _flood(arrival: str, rate: float) -> Act:
    return lambda scene: scene.load.added(f"{arrival}-flood", {arrival: rate})


_LOCKED = _on_stack(stores.locked, "likes", "photos", "users", primaries=1)
_PUSH_SLOW = _on_stack(fakes.push_failing, delay=6)

FAULTS: tuple[Fault, ...] = (
    # First the faults that other faults' effects on the six-hour windows would disturb.
    # While the one worker waits for an answer, likes of about 2 s become late: a tenth of them.
    Fault("push-slow-at-times", "for 1 s of every 20 the push service answers after 6 s", ("ChainBurn6h",),
          _repeated(_PUSH_SLOW, 1, 20), _WORK, patience_s=300),
    Fault("lock-at-times", "LOCK TABLE for 1.5 s of every 3", ("LatencyBurn6h",),
          _repeated(_LOCKED, 1.5, 3), _REQUESTS | _WORK, patience_s=240),
    Fault("timeouts-at-times", "LOCK TABLE for 4 s of every 40", ("AvailabilityBurn6h",),
          _repeated(_LOCKED, 4, 40), _REQUESTS | _WORK, patience_s=300),
    Fault("nginx-instance-stopped", "one nginx is stopped", ("NginxInstanceUnreachable",), _stopped("nginx-1"),
          _REQUESTS),
    Fault("nginx-stopped", "every nginx is stopped", ("NginxDown",), _stopped("nginx-1", "nginx-2"),
          _REQUESTS | {"FrontDown", "NginxInstanceUnreachable"}),
    Fault("front-frozen", "SIGSTOP to the balancer", ("FrontDown",), _frozen("front"),
          _REQUESTS | {"ExporterUnreachable"}),
    Fault("cdn-stopped", "the CDN edge is stopped", ("CdnDown",), _stopped("cdn")),
    Fault("app-instance-killed", "kill -9 to one app instance, which does not come back",
          ("AppInstanceUnreachable",), _on_stack(processes.killed, "app-1"), _REQUESTS),
    Fault("app-stopped", "every app instance is stopped", ("AppDown",), _stopped("app-1", "app-2"),
          _REQUESTS | {"FrontDown", "AppInstanceUnreachable"}),
    Fault("worker-killed", "kill -9 to the push workers, which do not come back", ("WorkerInstanceUnreachable",),
          _on_stack(processes.killed, "worker-push"), _WORK),
    Fault("worker-frozen", "SIGSTOP to the thumbnail workers", ("QueueStalled",), _frozen("worker-thumbnails"),
          _WORK, patience_s=90),
    Fault("pgbouncer-frozen", "SIGSTOP to PgBouncer", ("PgbouncerDown",), _frozen("pgbouncer"),
          _REQUESTS | _WORK | {"DatabasePoolSaturated"}),
    Fault("pgbouncer-paused", "PAUSE to PgBouncer", ("DatabasePoolSaturated",), _on_stack(processes.pooler_paused),
          _REQUESTS | _WORK),
    Fault("primary-stopped", "one PostgreSQL primary is stopped", ("PostgresPrimaryUnreachable",),
          _stopped("postgres-1"),
          _REQUESTS | _WORK | _ONE_EXPORTER | {"DatabasePoolSaturated", "ReplicationLagging"}),
    Fault("replica-stopped", "one PostgreSQL replica is stopped", ("PostgresReplicaUnreachable",),
          _stopped("postgres-1-replica"), _REQUESTS | _ONE_EXPORTER),
    Fault("replica-frozen", "SIGSTOP to the process that replays on one replica", ("ReplicationLagging",),
          _on_stack(processes.replay_frozen), patience_s=120),
    Fault("table-locked", "LOCK TABLE on one primary's likes, photos and users",
          ("AvailabilityBurn1h", "ErrorsFlooding"), _LOCKED, _REQUESTS | _WORK | {"DatabasePoolSaturated"}),
    Fault("lock-again-and-again", "LOCK TABLE for 0.4 s of every 0.5", ("LatencyBurn1h",),
          _repeated(_LOCKED, 0.4, 0.5), _REQUESTS | _WORK),
    Fault("redis-paused", "CLIENT PAUSE to Redis", ("RedisDown",), _on_stack(stores.redis_paused, 15),
          _REQUESTS | _WORK | {"WorkerInstanceUnreachable"}),
    Fault("memcached-instance-frozen", "SIGSTOP to one memcached", ("MemcachedInstanceUnreachable",),
          _frozen("memcached-1"), _REQUESTS),
    Fault("memcached-frozen", "SIGSTOP to every memcached", ("MemcachedDown",),
          _frozen("memcached-1", "memcached-2"), _REQUESTS | {"MemcachedInstanceUnreachable"}),
    Fault("memcached-filled", "one memcached gets values beyond its memory", ("CacheEvicting",),
          _on_stack(stores.memcached_filled), _REQUESTS, patience_s=90),
    Fault("store-cut", "a TCP server in the object store's place closes every connection", ("StoreDown",),
          _on_stack(network.store_cut), _REQUESTS | _WORK),
    Fault("exporter-stopped", "an exporter is stopped", ("ExporterUnreachable",), _stopped("exporter-redis")),
    Fault("push-refused", "the push service refuses the provider's token", ("PushFailing",),
          _on_stack(fakes.push_failing, status=403, reason="InvalidProviderToken"), _WORK, patience_s=90),
    Fault("push-slow", "the push service answers after 6 s", ("ChainBurn1h",), _PUSH_SLOW, _WORK, patience_s=120),
    Fault("pictures-broken", "clients upload files that are no pictures", ("JobsFailing",), _broken_pictures,
          _WORK | _TRAFFIC),
    Fault("disk-filled", "a file system is filled", ("DiskFilling",), lambda scene: machine.disk_filled(scene.folder)),
    Fault("uploads-stopped", "no client uploads any more", ("PhotoRateOutOfRange",),
          lambda scene: scene.load.without("uploads", BACKGROUND["uploads"]), needs_past=True),
    Fault("likes-flood", "four times as many likes", ("LikeRateOutOfRange",), _flood("like", 110.0), _BURNS,
          needs_past=True),
    Fault("signups-flood", "ten times as many signups", ("SignupRateOutOfRange",), _flood("signup", 6.0), _BURNS,
          needs_past=True),
    Fault("memory-taken", "nearly all memory of the machine is taken", ("MachineMemoryLow",),
          lambda _scene: machine.memory_taken(), _REQUESTS | _WORK, only_if_named=True),
)  # fmt: skip
BY_NAME: Mapping[str, Fault] = {fault.name: fault for fault in FAULTS}
SHORT = ("cdn-stopped", "exporter-stopped")
"""Enough to show that a page and a ticket reach a person, and that their ends do. No request of the load fails by these
faults, so no budget burns for half a minute afterwards."""
