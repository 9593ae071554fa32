"""How fast a value drifts over a window, with what interval: pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from likestorm.verdict.statistics import CONFIDENCE, Interval

PARTS = 12
"""Of the window, each judged by its median: single spikes do not count, and neighbouring samples are not taken for
independent ones."""
LEAST = 5
LEAST_S = 60.0
"""A shorter window tells nothing of an hour: what stands still for some seconds looks as if it always did."""
HOUR_S = 3600.0


def slope_per_hour(times: Sequence[float], values: Sequence[float | None], duration_s: float) -> Interval:
    """By how much a value grows in an hour: the median of all slopes between parts (Theil and Sen), and its interval.

    times: seconds since the window's start. The interval is free of assumptions on the distribution (Sen's), but takes
    the parts for independent. Nothing in under LEAST_S, or where fewer than LEAST parts hold a value.
    """
    if duration_s < LEAST_S:
        return Interval(None, None, None)
    known = [(time, value) for time, value in zip(times, values, strict=True) if value is not None]
    parts: list[tuple[float, float]] = []
    for number in range(PARTS):
        within = [(t, v) for t, v in known if math.floor(t / duration_s * PARTS) == number]
        if within:
            parts.append((statistics.median(t for t, _ in within), statistics.median(v for _, v in within)))
    if len(parts) < LEAST:
        return Interval(None, None, None)
    from scipy.stats import theilslopes

    found = theilslopes([v for _, v in parts], [t / HOUR_S for t, _ in parts], CONFIDENCE)
    return Interval(float(found.slope), float(found.low_slope), float(found.high_slope))
