"""The trend of a value over a window, with its interval: pure."""

import math
import statistics
from collections.abc import Sequence

from likestorm.verdict.statistics import CONFIDENCE, Interval

PARTS = 12
"""Parts of the window, each represented by its median: single spikes do not count, and dependent neighbours fall into
the same part."""
LEAST = 5
LEAST_S = 60.0
"""A shorter window says nothing about an hour: a value that is constant for some seconds looks constant forever."""
HOUR_S = 3600.0


def slope_per_hour(times: Sequence[float], values: Sequence[float | None], duration_s: float) -> Interval:
    """The growth of a value per hour: the median of all slopes between parts (Theil and Sen), with Sen's interval.

    times: seconds since the start of the window. The interval assumes independent parts, but no distribution. It is
    empty for a window below LEAST_S or with values in fewer than LEAST parts.
    """
    if duration_s < LEAST_S:
        return Interval(None, None, None)
    parts: list[tuple[float, float]] = []
    known = [(time, value) for time, value in zip(times, values, strict=True) if value is not None]
    for number in range(PARTS):
        within = [(t, v) for t, v in known if math.floor(t / duration_s * PARTS) == number]
        if within:
            parts.append((statistics.median(t for t, _ in within), statistics.median(v for _, v in within)))
    if len(parts) < LEAST:
        return Interval(None, None, None)
    from scipy.stats import theilslopes

    found = theilslopes([v for _, v in parts], [t / HOUR_S for t, _ in parts], CONFIDENCE)
    return Interval(float(found.slope), float(found.low_slope), float(found.high_slope))
