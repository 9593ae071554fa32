"""How fast the generator is: 2,000 arrivals a second in time, and its throughput beside stock FastHttpUser's."""

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
"""So many times stock Locust's rate is offered, so that the generator itself is what sets the pace."""
RATIO_LIMIT = 0.9


@dataclass(frozen=True)
class Lag:
    """How late arrivals were, by the generator's own record and as the server saw them come, in ms."""

    offered: int
    completed: int
    own_p99_ms: float | None
    seen_p50_ms: float | None
    seen_p99_ms: float | None


@dataclass(frozen=True)
class Speed:
    """Requests a second that the server saw from one generator flat out, and requests for a second of its CPU."""

    rate: float
    per_cpu_s: float


@dataclass(frozen=True)
class Pair:
    """Both generators, one right after the other."""

    ours: Speed
    stock: Speed

    @property
    def ratio(self) -> float:
        """Ours to stock Locust's, by requests for a second of CPU."""
        return self.ours.per_cpu_s / self.stock.per_cpu_s


def lag(folder: Path, seconds: float = RATE_S) -> Lag:
    """Offer RATE arrivals a second to a server that takes SERVICE_S for each, all at once."""
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
    """Both flat out against a server that answers at once, `count` times in turn (ABBA) after one to warm up."""
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
    """Counted by the server over WINDOW_S, SKIPPED_S after the first request."""
    received = sorted(driven.log.received)
    first = received[0] if received else 0.0
    start, end = first + SKIPPED_S, first + SKIPPED_S + WINDOW_S
    count = bisect_left(received, end) - bisect_left(received, start)
    began = driven.log.began
    return Speed(
        count / WINDOW_S, count / (cpu_at(driven.watched, began + end) - cpu_at(driven.watched, began + start))
    )


def cpu_at(watched: Watched, moment: float) -> float:
    """CPU seconds used until a moment, between two looks by proportion; DriveError where nobody looked."""
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
