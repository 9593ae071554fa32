"""The load of a scenario: schedules of open arrivals, and closed-model users."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from likestorm.scenario.schedule import Course, Shape, Stretch, stairs

Positive = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]

SHAPE_KEYS: dict[str, tuple[str, ...]] = {
    "constant": ("rate",),
    "poisson": ("rate",),
    "ramp": ("from_rate", "rate"),
    "steps": ("rates",),
    "burst": ("rate", "burst_rate", "every_s", "burst_s"),
}
ALL_SHAPE_KEYS = frozenset(key for keys in SHAPE_KEYS.values() for key in keys)


class ArrivalPlan(Struct, frozen=True, forbid_unknown_fields=True):
    """One schedule of open arrivals: shape, rates in arrivals a second, and the requests of an arrival in order.

    constant, poisson: `rate`. ramp: linear from `from_rate` to `rate` over the window. steps: `rates` for equal parts
    of the window. burst: `rate`, and `burst_rate` for the middle `burst_s` of every `every_s` of the window. With the
    user's own locustfile, `steps` are optional and `user` is the class whose tasks run.
    """

    schedule: Shape
    steps: list[str] = []
    rate: Positive | None = None
    from_rate: Positive | None = None
    rates: Annotated[list[Positive], Meta(min_length=2)] | None = None
    burst_rate: Positive | None = None
    every_s: Positive | None = None
    burst_s: Positive | None = None
    user: str | None = None

    def scaled(self, factor: float) -> ArrivalPlan:
        """The schedule with every rate times `factor`."""
        scaled = {key: getattr(self, key) for key in ("rate", "from_rate", "burst_rate")}
        given = {key: value * factor for key, value in scaled.items() if value is not None}
        rates = self.rates and [rate * factor for rate in self.rates]
        return msgspec.structs.replace(self, **given, rates=rates)

    def course(self, warm_up_s: float, duration_s: float) -> Course:
        """The rate over time; the warm-up has the rate at the start of the window (burst: the base rate)."""
        end = warm_up_s + duration_s
        rate, even = self.rate or 0.0, self.schedule == "constant"
        if self.schedule == "ramp" and self.from_rate:
            slope = Stretch(warm_up_s, end, self.from_rate, rate)
            return Course([*stairs([(0.0, self.from_rate)], warm_up_s), slope])
        if self.schedule == "steps" and self.rates:
            part = duration_s / len(self.rates)
            steps = [(warm_up_s + number * part, each) for number, each in enumerate(self.rates)]
            return Course(stairs([(0.0, self.rates[0]), *steps], end))
        if self.schedule == "burst" and self.burst_rate and self.every_s and self.burst_s:
            return Course(stairs(_bursts(rate, self.burst_rate, self.every_s, self.burst_s, warm_up_s, end), end))
        return Course(stairs([(0.0, rate)], end), even)


def _bursts(
    rate: float, burst_rate: float, every_s: float, burst_s: float, start: float, end: float
) -> list[tuple[float, float]]:
    """Pairs (time, rate) from 0 on; the first burst is in the middle of the first period after `start`."""
    steps = [(0.0, rate)]
    period = 0
    while (burst := start + period * every_s + (every_s - burst_s) / 2) < end:
        steps += [(burst, burst_rate), (min(burst + burst_s, end), rate)]
        period += 1
    return steps


class ClosedPlan(Struct, frozen=True, forbid_unknown_fields=True):
    """Closed-model users that repeat a task, with a uniform think time between two bounds, in seconds.

    With the user's own locustfile they run as written: `user` is their class, and there is no think_s.
    """

    users: Count
    think_s: tuple[Annotated[float, Meta(ge=0)], Annotated[float, Meta(ge=0)]] | None = None
    steps: list[str] = []
    user: str | None = None
