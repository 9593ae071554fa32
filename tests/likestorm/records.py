"""Records as real runs leave them, made up from a seed: one for each verdict."""

import random
from collections.abc import Callable
from dataclasses import replace
from functools import cache

from likestorm.results import histogram
from likestorm.results.histogram import Histogram
from likestorm.results.record import SCHEMA, Record, ScenarioFacts
from likestorm.results.record.target import (
    ChainEffects,
    HopCount,
    LedgerEntry,
    PanelData,
    Reconciliation,
    ScrapeTarget,
    Series,
)
from likestorm.results.record.timesplit import Composition, TierWait, TimeSplit
from likestorm.results.record.traffic import Arrivals, Generator, Load, Percentiles, Requests, Timeline, Vitals
from likestorm.scenario import Scenario, schedule
from likestorm.scenario.reading import load
from likestorm.verdict.judge import judge

from alerts.slo import OBJECTIVES
from dashboards.panels import REPORTED, RUN_WINDOW, Panel

SECONDS = 60
MEDIAN_MS = {"like": 4.2, "upload-ask": 3.1, "upload-put": 14.0, "upload-confirm": 7.5, "signup": 38.0}
PARTS = {
    "app-1": 0.41, "app-2": 0.40, "postgres-1": 0.16, "store": 0.14, "nginx-1": 0.05, "worker-thumbnails": 0.21,
    "worker-fanout": 0.10, "redis": 0.03, "memcached-1": 0.01, "pgbouncer": 0.04, "prometheus": 0.06,
    "collectors": 0.05, "exporter-node": 0.02,
}  # fmt: skip
LEVELS = {
    "photos-per-second": 25.0, "likes-per-second": 90.0, "signups-per-minute": 60.0, "queue-depth": 1.0,
    "pool-wait-p99": 0.0005, "store-p99": 0.004, "pgbouncer-waiting": 0.0, "cache-hit-ratio": 0.93,
    "job-wait-p99": 0.02, "chain-p99": 0.4, "pushes-per-second": 60.0, "replication-lag": 0.002, "cdn-requests": 1.0,
    "pressure": 0.05, "postgres-commits": 170.0, "redis-commands": 410.0, "latency-p99": 0.012, "error-ratio": 0.0,
}  # fmt: skip
LABELS: dict[str, list[dict[str, str]]] = {
    "latency-p99": [
        {"method": "PUT", "route": "/photos/<id>/like"},
        {"method": "POST", "route": "/uploads"},
        {"method": "POST", "route": "/photos"},
        {"method": "POST", "route": "/users"},
    ],
    "queue-depth": [{"queue": "thumbnails"}],
    "job-wait-p99": [{"queue": "thumbnails"}],
    "pool-wait-p99": [{"instance": "app-1"}, {"instance": "app-2"}],
    "store-p99": [{"store": "postgres"}, {"store": "memcached"}, {"store": "redis"}, {"store": "objects"}],
    "pgbouncer-waiting": [{"database": "likestorm"}],
    "cache-hit-ratio": [{"cache": "photo"}, {"cache": "like-count"}],
    "chain-p99": [{"chain": "like-to-push"}, {"chain": "upload-to-feeds"}],
    "replication-lag": [{"instance": "postgres-1-replica"}, {"instance": "postgres-2-replica"}],
    "cdn-requests": [{"cache": "hit"}],
    "pressure": [{"wait": "some task waits for a core"}, {"wait": "all tasks wait for the disk"}],
    "cpu-by-part": [{"groupname": part} for part in PARTS],
    "memory-by-part": [{"groupname": part} for part in PARTS],
}
LABELS["error-ratio"] = LABELS["latency-p99"]


@cache
def passing() -> Record:
    """All budgets met."""
    return judged(_record())


@cache
def breach() -> Record:
    """Twelve seconds in which likes are slow, some time out, and one is dropped."""
    return judged(_record(slowdown=lambda second: 14.0 if 24 <= second < 36 else 1.0, timeouts=9, dropped=31))


@cache
def invalid() -> Record:
    """The generator was late and out of CPU, and the target lost two likes."""
    record = _record(lag_ms=61.0, cpu_percent=97.0)
    entry = record.ledger[0]
    lost = replace(
        entry, stored=entry.stored - 2, lost=2, residual=2, examples={"lost": ["1041:77", "1188:902"]}
    )  # fmt: skip
    return judged(replace(record, ledger=[lost, *record.ledger[1:]]))


@cache
def inconclusive() -> Record:
    """A run of three seconds: too few samples for any p99."""
    return judged(_record(seconds=3))


@cache
def _scenario() -> Scenario:
    return load("likes")


def judged(record: Record) -> Record:
    """The record with the verdict on it."""
    scenario = _scenario().scaled(duration_s=record.scenario.duration_s)
    return replace(record, verdict=judge(record, scenario))


def _record(
    *,
    seconds: int = SECONDS,
    slowdown: Callable[[int], float] = lambda second: 1.0,
    timeouts: int = 0,
    dropped: int = 0,
    lag_ms: float = 0.9,
    cpu_percent: float = 9.0,
) -> Record:
    chance = random.Random(2011)
    arrivals: dict[str, Arrivals] = {}
    requests: dict[str, Requests] = {}
    for name, plan in _scenario().arrivals.items():
        late = (timeouts, dropped) if name == "like" else (0, 0)
        slower = slowdown if name == "like" else lambda second: 1.0
        whole, made = _arrivals(chance, name, plan.rate or 0.0, plan.steps, seconds, slower, *late)
        arrivals[name] = whole
        requests.update(made)
    loads = [a.load for a in arrivals.values()]
    return Record(
        schema=SCHEMA,
        scenario=ScenarioFacts("likes", _scenario().description, 2011, seconds, 10, 1.0),
        target="http://127.0.0.1:8400",
        started_at="2011-10-06T09:30:00.000+00:00",
        finished_at=f"2011-10-06T09:{30 + seconds // 60:02d}:{seconds % 60:02d}.000+00:00",
        environment={
            "machine": "Example CPU @ 2.60GHz, 2 cores, 8 GiB", "system": "Debian GNU/Linux 12 (bookworm)",
            "likestorm": "6c68b80aa01f", "Python": "3.11.2", "Locust": "2.47.0", "PostgreSQL": "15.14",
        },
        load=Load(*(sum(getattr(x, field) for x in loads) for field in Load.__annotations__)),
        arrivals=arrivals,
        requests=requests,
        generator=Generator(
            Percentiles(0.2, 0.5, 0.6, lag_ms, 2 * lag_ms, 3 * lag_ms),
            [cpu_percent + chance.uniform(-2, 2) for _ in range(seconds)], 17 if not dropped else 256, False,
            vitals=[_vitals(lag_ms)],
        ),
        scrapes=[ScrapeTarget("app", "app-1", seconds, 1.01, 0.0), ScrapeTarget("postgres", "postgres", seconds, 1, 0)],
        panels=[_panel(chance, panel, seconds) for panel in REPORTED],
        ledger=[_entry("likes", arrivals["like"].load), _entry("photos", arrivals["upload"].load)],
        chains=[
            ChainEffects(name, [(each.seconds / 10, 900), (each.seconds, 1499), (None, 1500)])
            for name, each in OBJECTIVES.chains.items()
        ],
        reconciliation=_reconciliation(requests),
        timing={"like": _like_split(slowdown(24)), "upload-confirm": _confirm_split()},
        tier_waits=[TierWait("db", "pool", "PgBouncer", 0.8, 21.5)],
        settings={"topology": "small", "storage": "memory"},
        memory_mb={part: 18 + 400 * cores * chance.uniform(0.6, 1.4) for part, cores in PARTS.items()},
    )  # fmt: skip


def _reconciliation(requests: dict[str, Requests]) -> Reconciliation:
    answered = sum(r.count - r.failures for name, r in requests.items() if name != "upload-put")
    unsure = sum(r.failures for r in requests.values())
    return Reconciliation(answered, unsure, 0, [HopCount("nginx", answered + unsure), HopCount("app", answered)])


def _vitals(lag_ms: float) -> Vitals:
    return Vitals(
        process="generator:2011", loop_lag_ms=Percentiles(0.1, 0.3, 0.5, min(lag_ms, 3.0), 2 * lag_ms, 3 * lag_ms),
        gc_total_s=0.012, gc_longest_s=0.003, clock_step_s=0.0001, throttled_percent=None, steal_percent=0.4,
        pressure_percent={"cpu": 12.0, "io": 0.3, "memory": 0.0},
    )  # fmt: skip


@cache
def _offered(seconds: int) -> dict[str, list[int]]:
    """What the seed asks for, by schedule and second of the window."""
    scenario = _scenario().scaled(duration_s=seconds)
    counts = {name: [0] * seconds for name in scenario.arrivals}
    for arrival in schedule.arrivals(scenario.courses(), scenario.seed):
        if arrival.due >= scenario.warm_up_s:
            counts[arrival.name][int(arrival.due - scenario.warm_up_s)] += 1
    return counts


def _like_split(slower: float) -> TimeSplit:
    """Of likes that PostgreSQL makes slow."""
    median = {
        "client-queue": 0.01, "network": 0.61, "nginx": 0.47, "wait": 0.52, "app": 1.05, "pool": 0.02, "db": 0.92,
        "cache": 0.2, "redis": 0.4, "queue": 0.0,
    }  # fmt: skip
    slowest = {tier: 3 * ms for tier, ms in median.items()} | {"db": 4.1 * slower}
    return TimeSplit(
        5391, 5391,
        Composition(540, sum(median.values()), median), Composition(54, sum(slowest.values()), slowest),
        Composition(70, sum(slowest.values()), slowest),
    )  # fmt: skip


def _confirm_split() -> TimeSplit:
    median = {
        "network": 0.7,
        "nginx": 0.5,
        "wait": 0.5,
        "app": 2.1,
        "db": 1.4,
        "redis": 0.9,
        "queue": 1.3,
        "store": 2.2,
    }
    slowest = {tier: 2.5 * ms for tier, ms in median.items()} | {"store": 21.0}
    slow = Composition(16, sum(slowest.values()), slowest)
    return TimeSplit(1502, 1502, Composition(151, 9.6, median), slow, slow)


def _arrivals(
    chance: random.Random,
    name: str,
    rate: float,
    steps: list[str],
    seconds: int,
    slowdown: Callable[[int], float],
    timeouts: int,
    dropped: int,
) -> tuple[Arrivals, dict[str, Requests]]:
    offered = _offered(seconds)[name]
    by_step: dict[str, list[float]] = {step: [] for step in steps}
    p50s: list[float | None] = []
    p99s: list[float | None] = []
    everything: list[float] = []
    for second, count in enumerate(offered):
        durations = []
        for _ in range(count):
            times = [MEDIAN_MS[step] * slowdown(second) * chance.lognormvariate(0, 0.45) for step in steps]
            for step, taken in zip(steps, times, strict=True):
                by_step[step].append(taken)
            durations.append(sum(times))
        of_second = histogram.of(each / 1e3 for each in durations)
        p50s.append(of_second.percentile(50) if durations else None)
        p99s.append(of_second.percentile(99) if durations else None)
        everything += durations
    total, failed = sum(offered), timeouts
    whole = _hdr(everything[: total - timeouts - dropped], timeouts + dropped)
    completed = [count - (timeouts + dropped if second == 30 else 0) for second, count in enumerate(offered)]
    arrivals = Arrivals(
        rate, total, Load(total, total - failed - dropped, failed, dropped, 0), steps, whole.percentiles(),
        whole.encode(),
        Timeline(offered, completed, [failed if second == 30 else 0 for second in range(seconds)], p50s, p99s),
    )  # fmt: skip
    return arrivals, {step: _requests(taken, timeouts, dropped) for step, taken in by_step.items()}


def _requests(taken: list[float], timeouts: int, dropped: int) -> Requests:
    answered = taken[: len(taken) - timeouts - dropped]
    response = _hdr(answered, timeouts + dropped)
    service = _hdr([min(each, 9 + each / 8) for each in answered], 0)
    return Requests(
        count=len(taken) - dropped, failures=timeouts, timeouts=timeouts, censored=timeouts + dropped,
        response_time_ms=response.percentiles(), service_time_ms=service.percentiles(),
        histogram=response.encode(), service_histogram=service.encode(), failure_histogram=histogram.of([]).encode(),
        errors={"timed out after 10 s": timeouts} if timeouts else {},
    )  # fmt: skip


def _hdr(milliseconds: list[float], censored: int) -> Histogram:
    known = histogram.of(each / 1e3 for each in milliseconds)
    known.censored = censored
    return known


def _panel(chance: random.Random, panel: Panel, seconds: int) -> PanelData:
    series = [_series(chance, panel, labels, seconds) for labels in LABELS.get(panel.id, [{}])]
    return replace(panel.data(RUN_WINDOW), series=series)


def _series(chance: random.Random, panel: Panel, labels: dict[str, str], seconds: int) -> Series:
    level = LEVELS.get(panel.id, 0.0)
    if panel.id == "cpu-by-part":
        level = PARTS[labels["groupname"]]
    if panel.id == "memory-by-part":
        level = 2e7 + 4e8 * PARTS[labels["groupname"]]
    if panel.id == "latency-p99" and labels["route"] == "/users":
        level = 0.09
    swing = 0.02 if panel.id in ("memory-by-part", "cache-hit-ratio") else 0.25
    values: list[float | None] = [max(0.0, level * (1 + swing * chance.uniform(-1, 1))) for _ in range(seconds)]
    if panel.id == "cache-hit-ratio":
        values[:2] = [None] * min(2, seconds)
    return Series(labels, [float(second) for second in range(seconds)], values)


def _entry(name: str, load: Load) -> LedgerEntry:
    return LedgerEntry(name, load.offered - load.dropped, load.completed, load.completed, 0, 0, load.failed, 0)
