"""Axes of charts: the position of a value between both ends, and round values for ticks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from likestorm.units import exact

TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
TAIL_PERCENTILES = (0, 50, 90, 99, 99.9, 99.99, 99.999)
MOST_LOG_TICKS = 7


@dataclass(frozen=True)
class Axis:
    """An axis from `low` to `high` with (value, label) ticks; on a `tail` axis each nine is as wide as the last one."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...] = ()
    kind: Literal["linear", "log", "tail"] = "linear"

    def at(self, value: float) -> float:
        """The position of a value, 0 at the low end and 1 at the high end; a value beyond an end is at that end."""
        low, high, here = (self._straight(v) for v in (self.low, self.high, value))
        return min(max((here - low) / (high - low), 0.0), 1.0)

    def _straight(self, value: float) -> float:
        if self.kind == "log":
            return math.log10(max(value, self.low))
        if self.kind == "tail":
            return -math.log10(1 - min(value, self.high) / 100)
        return value


def linear(highest: float, ticks: int = 4) -> Axis:
    """From zero to at least `highest`, with round ticks; from 0 to 1 where `highest` is 0."""
    step = _round_up(highest / ticks) if highest > 0 else 1.0
    count = math.ceil(round(highest / step, 9)) or 1
    return Axis(0, step * count, tuple((step * i, exact(step * i)) for i in range(count + 1)))


def log(lowest: float, highest: float) -> Axis:
    """From at most `lowest` to at least `highest`, both positive; ticks at 1, 2, 5 of each decade, or at decades."""
    decades = [10.0**power for power in range(math.floor(math.log10(lowest)), math.ceil(math.log10(highest)) + 1)]
    candidates = [factor * decade for decade in decades for factor in (1, 2, 5)]
    low = max((c for c in candidates if c <= lowest * 1.001), default=candidates[0])
    high = min((c for c in candidates if c >= highest * 0.999 and c > low), default=candidates[-1])
    ticks = [c for c in candidates if low <= c <= high]
    if len(ticks) > MOST_LOG_TICKS:
        ticks = [c for c in decades if low <= c <= high]
    return Axis(low, high, tuple((c, exact(c)) for c in ticks), "log")


def seconds(end: float, ticks: int = 6) -> Axis:
    """Time since the start, from 0 to `end` seconds."""
    end, step = max(end, 1.0), _time_step(end, ticks)
    marks = range(0, math.floor(end) + 1, step)
    size, unit = next((size, unit) for size, unit in ((3600, "h"), (60, "min"), (1, "s")) if step >= size)
    return Axis(0, end, tuple((float(mark), f"{mark // size} {unit}") for mark in marks))


def times_of_day(began: float, end: float, ticks: int = 5) -> Axis:
    """From 0 to `end` seconds after `began` (Unix time), with ticks at round local times of day."""
    end, step = max(end, 1.0), _time_step(end, ticks)
    offset = (datetime.fromtimestamp(began).astimezone().utcoffset() or timedelta()).total_seconds()
    first = math.ceil((began + offset) / step) * step - offset
    printed = "%H:%M" if step >= 60 else "%H:%M:%S"
    marks = [first + step * i for i in range(math.floor((began + end - first) / step) + 1)]
    return Axis(0, end, tuple((at - began, datetime.fromtimestamp(at).astimezone().strftime(printed)) for at in marks))


def tail(reached: Sequence[float]) -> Axis:
    """Percentiles from 0 to the highest of `reached`, at least to 90."""
    high = max([*reached, 90.0])
    return Axis(0, high, tuple((float(p), f"{p:g}") for p in TAIL_PERCENTILES if p <= high), "tail")


def _time_step(end: float, ticks: int) -> int:
    return next((step for step in TIME_STEPS if end / step <= ticks), TIME_STEPS[-1])


def _round_up(step: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= step * 0.9999)
