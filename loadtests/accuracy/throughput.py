"""The generator's speed: dispatch lag at 2,000 arrivals/s, and throughput beside stock FastHttpUser's."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path

from likestorm.results.histogram import nearest_rank

from loadtests.accuracy import drive
from loadtests.accuracy.drive import Driven, Load, Watched
from loadtests.accuracy.script import Behaviour, Service

RATE, RATE_S, SERVICE_S = 2000.0, 10.0, 0.005
LAG_LIMIT_MS = 5.0

PAIRS = 6
USERS = 16
SECONDS, SKIPPED_S, WINDOW_S = 4.0, 0.5, 2.0
OVERLOAD = 1.1
"""The offered rate is stock Locust's rate times this, so that the generator itself is the bottleneck."""
RATIO_LIMIT = 0.7
"""Likestorm makes its requests with stock Locust's client, and dispatches, times and counts each one in addition."""


@dataclass(frozen=True)
class Lag:
    """How late arrivals were by the generator's record and by the server's log, in ms."""

    offered: int
    completed: int
    own_p99_ms: float | None
    seen_p50_ms: float | None
    seen_p99_ms: float | None


@dataclass(frozen=True)
class Speed:
    """Requests a second that the server counted, and requests for each second of the generator's CPU time."""

    rate: float
    per_cpu_s: float


@dataclass(frozen=True)
class Pair:
    """Both generators, measured one after the other."""

    ours: Speed
    stock: Speed

    @property
    def ratio(self) -> float:
        """Likestorm's requests for a second of CPU time over stock Locust's."""
        return self.ours.per_cpu_s / self.stock.per_cpu_s


def lag(folder: Path, seconds: float = RATE_S) -> Lag:
    """Offer RATE arrivals a second to a server that answers each after SERVICE_S."""
    load = Load(RATE, "poisson", seconds)
    driven = drive.likestorm(load, Behaviour(Service("constant", SERVICE_S)), folder)
    due = load.due()
    seen = sorted(came - due[n] for n, came in zip(driven.log.numbers, driven.log.received, strict=True))
    p50, p99 = (nearest_rank(seen, percentile) for percentile in (50, 99))
    return Lag(
        len(due),
        driven.reported.count - driven.reported.failures,
        driven.lag_p99_ms,
        None if p50 is None else 1e3 * p50,
        None if p99 is None else 1e3 * p99,
    )


def pairs(folder: Path, count: int) -> list[Pair]:
    """Both at their highest rate against a server without delay, `count` times interleaved (ABBA), after a warm-up."""
    offered = OVERLOAD * _stock(folder).rate
    found = []
    for number in range(count):
        if number % 2:
            ours = _ours(folder, offered)
            stock = _stock(folder)
        else:
            stock = _stock(folder)
            ours = _ours(folder, offered)
        found.append(Pair(ours, stock))
    return found


def speed(driven: Driven) -> Speed:
    """The speed over WINDOW_S, from SKIPPED_S after the first request on."""
    received = sorted(driven.log.received)
    first = received[0] if received else 0.0
    start, end = first + SKIPPED_S, first + SKIPPED_S + WINDOW_S
    count = bisect_left(received, end) - bisect_left(received, start)
    began = driven.log.began
    return Speed(
        count / WINDOW_S, count / (cpu_at(driven.watched, began + end) - cpu_at(driven.watched, began + start))
    )


def cpu_at(watched: Watched, moment: float) -> float:
    """CPU seconds used until a moment, interpolated; DriveError outside of the watched time."""
    after = bisect_left(watched.times, moment)
    if not 0 < after < len(watched.times):
        raise drive.DriveError("the generator was not watched for long enough")
    share = (moment - watched.times[after - 1]) / (watched.times[after] - watched.times[after - 1])
    return watched.cpu[after - 1] + share * (watched.cpu[after] - watched.cpu[after - 1])


def _ours(folder: Path, offered: float) -> Speed:
    load = Load(offered, "poisson", SECONDS, users_max=USERS)
    return speed(drive.likestorm(load, _at_once(), folder, realtime=False))


def _stock(folder: Path) -> Speed:
    return speed(drive.stock_locust(USERS, 0.0, SECONDS, _at_once(), folder, realtime=False))


def _at_once() -> Behaviour:
    return Behaviour(Service("constant", 0.0))
