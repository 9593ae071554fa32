"""Axes: where a value stands between the ends of a chart, and which values are worth a tick."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from likestorm.units import exact

TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
TAIL_PERCENTILES = (0, 50, 90, 99, 99.9, 99.99, 99.999)


@dataclass(frozen=True)
class Axis:
    """An axis from `low` to `high`; kind `tail` is for percentiles, each nine as wide as the one before."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    kind: Literal["linear", "log", "tail"] = "linear"

    def at(self, value: float) -> float:
        """Where a value stands, 0 at the low end and 1 at the high end; beyond an end counts as the end."""
        low, high, here = (self._straight(v) for v in (self.low, self.high, value))
        return min(max((here - low) / (high - low), 0.0), 1.0)

    def _straight(self, value: float) -> float:
        if self.kind == "log":
            return math.log10(max(value, self.low))
        if self.kind == "tail":
            return -math.log10(1 - min(value, self.high) / 100)
        return value


def linear(highest: float, ticks: int = 4) -> Axis:
    """From zero to at least `highest`, at round numbers; from 0 to 1 where all is zero."""
    step = _round_up(highest / ticks) if highest > 0 else 1.0
    count = math.ceil(round(highest / step, 9)) or 1
    return Axis(0, step * count, tuple((step * i, exact(step * i)) for i in range(count + 1)))


def log(lowest: float, highest: float) -> Axis:
    """From below the lowest to above the highest, both above zero; ticks at 1, 2, 5 of each decade, or at decades."""
    decades = range(math.floor(math.log10(lowest)), math.ceil(math.log10(highest)) + 1)
    candidates = [factor * 10.0**decade for decade in decades for factor in (1, 2, 5)]
    low = max((c for c in candidates if c <= lowest * 1.001), default=candidates[0])
    high = min((c for c in candidates if c >= highest * 0.999 and c > low), default=candidates[-1])
    inside = [c for c in candidates if low <= c <= high]
    if len(inside) > 7:
        inside = [c for c in inside if _is_decade(c)]
    return Axis(low, high, tuple((c, exact(c)) for c in inside), "log")


def seconds(end: float, ticks: int = 6) -> Axis:
    """Time since the start, from 0 to `end` seconds."""
    end = max(end, 1.0)
    step = next((s for s in TIME_STEPS if end / s <= ticks), TIME_STEPS[-1])
    marks = range(0, math.floor(end) + 1, step)
    return Axis(0, end, tuple((float(mark), _clock(mark, step)) for mark in marks))


def times_of_day(began: float, end: float, ticks: int = 5) -> Axis:
    """From 0 to `end` seconds after `began` (Unix time), at round times of the day, as this machine's clock says it."""
    end = max(end, 1.0)
    step = next((s for s in TIME_STEPS if end / s <= ticks), TIME_STEPS[-1])
    offset = datetime.fromtimestamp(began).astimezone().utcoffset() or timedelta()
    first = math.ceil((began + offset.total_seconds()) / step) * step - offset.total_seconds()
    count = math.floor((began + end - first) / step) + 1
    printed = "%H:%M" if step >= 60 else "%H:%M:%S"
    marks = [first + step * i for i in range(max(count, 0))]
    return Axis(0, end, tuple((at - began, datetime.fromtimestamp(at).astimezone().strftime(printed)) for at in marks))


def tail(reached: Sequence[float]) -> Axis:
    """Percentiles from 0 up to the highest that was reached."""
    high = max([*reached, 90.0])
    return Axis(0, high, tuple((float(p), f"{p:g}") for p in TAIL_PERCENTILES if p <= high), "tail")


def _round_up(step: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= step * 0.9999)


def _is_decade(value: float) -> bool:
    return math.isclose(math.log10(value) % 1, 0, abs_tol=1e-6) or math.isclose(math.log10(value) % 1, 1, abs_tol=1e-6)


def _clock(mark: int, step: int) -> str:
    if step >= 3600:
        return f"{mark // 3600} h"
    return f"{mark // 60} min" if step >= 60 else f"{mark} s"
