"""What is done to the stack, by the operating system or by the servers themselves, and which alerts it calls for."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from alerts import slo
from alerts.drills import acts
from alerts.drills.acts import Scene

_BURNS = frozenset(alert.name for alert in slo.ALERTS)
_TRAFFIC = frozenset({"PhotoRateOutOfRange", "LikeRateOutOfRange", "SignupRateOutOfRange"})
_REQUESTS = _BURNS | _TRAFFIC | {"ErrorsFlooding"}
"""What a fault that requests meet may show in, before its own alert silences it."""
_WORK = frozenset({"QueueStalled", "JobsFailing", "PushFailing"}) | {n for n in _BURNS if n.startswith("Chain")}
_ONE_EXPORTER = frozenset({"ExporterUnreachable"})
"""One exporter asks all PostgreSQL servers in turn, and may be late for a scrape when one is away."""

Act = Callable[[Scene], AbstractContextManager[None]]


@dataclass(frozen=True)
class Fault:
    """One thing that is done while `act`'s block lasts.

    alerts: must fire. symptoms: may. patience_s: how long to wait for the alerts. needs_past: it is about rates that
    are compared with the past. only_if_named: it would harm whatever else runs on the machine.
    """

    name: str
    what: str
    alerts: tuple[str, ...]
    act: Act
    symptoms: frozenset[str] = frozenset()
    patience_s: float = 60.0
    needs_past: bool = False
    only_if_named: bool = False


def _stopped(*parts: str) -> Act:
    return lambda scene: acts.stopped(scene, *parts)


def _frozen(*parts: str) -> Act:
    return lambda scene: acts.frozen(scene, *parts)


FAULTS: tuple[Fault, ...] = (
    # What other faults would stir up for the burn of hours comes first.
    # While the one worker waits for an answer, likes of about 2 s come to be late: a tenth of them.
    Fault("push-slow-at-times", "for 1 s of every 20 the push service answers after 6 s", ("ChainBurn6h",),
          lambda scene: acts.push_fails_at_times(scene, held_s=1, every_s=20, delay=6), _WORK, patience_s=300),
    Fault("lock-at-times", "LOCK TABLE for 1.5 s of every 3", ("LatencyBurn6h",),
          lambda scene: acts.locked_at_times(scene, held_s=1.5, every_s=3), _REQUESTS | _WORK, patience_s=240),
    Fault("timeouts-at-times", "LOCK TABLE for 4 s of every 40", ("AvailabilityBurn6h",),
          lambda scene: acts.locked_at_times(scene, held_s=4, every_s=40), _REQUESTS | _WORK, patience_s=300),
    Fault("nginx-instance-stopped", "one nginx is stopped", ("NginxInstanceUnreachable",), _stopped("nginx-1"),
          _REQUESTS),
    Fault("nginx-stopped", "every nginx is stopped", ("NginxDown",), _stopped("nginx-1", "nginx-2"),
          _REQUESTS | {"FrontDown", "NginxInstanceUnreachable"}),
    Fault("front-frozen", "SIGSTOP to the balancer", ("FrontDown",), _frozen("front"),
          _REQUESTS | {"ExporterUnreachable"}),
    Fault("cdn-stopped", "the CDN edge is stopped", ("CdnDown",), _stopped("cdn")),
    Fault("app-instance-killed", "kill -9 to one app instance, which does not come back",
          ("AppInstanceUnreachable",), lambda scene: acts.killed(scene, "app-1"), _REQUESTS),
    Fault("app-stopped", "every app instance is stopped", ("AppDown",), _stopped("app-1", "app-2"),
          _REQUESTS | {"FrontDown", "AppInstanceUnreachable"}),
    Fault("worker-killed", "kill -9 to the push workers, which do not come back", ("WorkerInstanceUnreachable",),
          lambda scene: acts.killed(scene, "worker-push"), _WORK),
    Fault("worker-frozen", "SIGSTOP to the thumbnail workers", ("QueueStalled",), _frozen("worker-thumbnails"),
          _WORK, patience_s=90),
    Fault("pgbouncer-frozen", "SIGSTOP to PgBouncer", ("PgbouncerDown",), _frozen("pgbouncer"),
          _REQUESTS | _WORK | {"DatabasePoolSaturated"}),
    Fault("pgbouncer-paused", "PAUSE to PgBouncer", ("DatabasePoolSaturated",), acts.paused, _REQUESTS | _WORK),
    Fault("primary-stopped", "one PostgreSQL primary is stopped", ("PostgresPrimaryUnreachable",),
          _stopped("postgres-1"),
          _REQUESTS | _WORK | _ONE_EXPORTER | {"DatabasePoolSaturated", "ReplicationLagging"}),
    Fault("replica-stopped", "one PostgreSQL replica is stopped", ("PostgresReplicaUnreachable",),
          _stopped("postgres-1-replica"), _REQUESTS | _ONE_EXPORTER),
    Fault("replica-frozen", "SIGSTOP to the process that replays on one replica", ("ReplicationLagging",),
          acts.replay_frozen, patience_s=120),
    Fault("table-locked", "LOCK TABLE on one primary's likes, photos and users",
          ("AvailabilityBurn1h", "ErrorsFlooding"), acts.locked, _REQUESTS | _WORK | {"DatabasePoolSaturated"}),
    Fault("lock-again-and-again", "LOCK TABLE for 0.4 s of every 0.5", ("LatencyBurn1h",),
          lambda scene: acts.locked_at_times(scene, held_s=0.4, every_s=0.5), _REQUESTS | _WORK),
    Fault("redis-paused", "CLIENT PAUSE to Redis", ("RedisDown",), acts.redis_paused,
          _REQUESTS | _WORK | {"WorkerInstanceUnreachable"}),
    Fault("memcached-instance-frozen", "SIGSTOP to one memcached", ("MemcachedInstanceUnreachable",),
          _frozen("memcached-1"), _REQUESTS),
    Fault("memcached-frozen", "SIGSTOP to every memcached", ("MemcachedDown",),
          _frozen("memcached-1", "memcached-2"), _REQUESTS | {"MemcachedInstanceUnreachable"}),
    Fault("memcached-filled", "values beyond its memory put into one memcached", ("CacheEvicting",),
          acts.memcached_filled, _REQUESTS, patience_s=90),
    Fault("store-cut", "a TCP proxy in the object store's place hangs up on everybody", ("StoreDown",), acts.store_cut,
          _REQUESTS | _WORK),
    Fault("exporter-stopped", "an exporter is stopped", ("ExporterUnreachable",), _stopped("exporter-redis")),
    Fault("push-refused", "the push service takes us for somebody else", ("PushFailing",),
          lambda scene: acts.push_fails(scene, status=403, reason="InvalidProviderToken"), _WORK, patience_s=90),
    Fault("push-slow", "the push service answers after 6 s", ("ChainBurn1h",),
          lambda scene: acts.push_fails(scene, delay=6), _WORK, patience_s=120),
    Fault("pictures-broken", "clients upload what is no picture", ("JobsFailing",), acts.broken_pictures,
          _WORK | _TRAFFIC),
    Fault("disk-filled", "a file system is filled", ("DiskFilling",), acts.disk_filled),
    Fault("uploads-stopped", "nobody uploads any more", ("PhotoRateOutOfRange",), acts.uploads_stopped,
          needs_past=True),
    Fault("likes-flood", "four times as many likes", ("LikeRateOutOfRange",),
          lambda scene: acts.flood(scene, "like", 110.0), _BURNS, needs_past=True),
    Fault("signups-flood", "ten times as many signups", ("SignupRateOutOfRange",),
          lambda scene: acts.flood(scene, "signup", 6.0), _BURNS, needs_past=True),
    Fault("memory-taken", "nearly all memory of the machine is taken", ("MachineMemoryLow",), acts.memory_taken,
          _REQUESTS | _WORK, only_if_named=True),
)  # fmt: skip
BY_NAME: Mapping[str, Fault] = {fault.name: fault for fault in FAULTS}
SHORT = ("cdn-stopped", "exporter-stopped")
"""Enough to see that a page and a ticket reach a person, and their ends do; no request of the load fails by them, so
no budget burns on for half a minute."""
