"""Lines of a chart, and what is done to them so that they can be drawn and read."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Point = tuple[float, float | None]


@dataclass(frozen=True)
class Line:
    """One named line: points by ascending x; None is a gap. `muted` ones are drawn in grey, as a reference."""

    name: str
    points: Sequence[Point]
    muted: bool = False

    def values(self) -> list[float]:
        """The values that are there."""
        return [value for _, value in self.points if value is not None]


def line(name: str, times: Iterable[float], values: Iterable[float | None], *, muted: bool = False) -> Line:
    """A line of what was measured; what is not finite becomes a gap."""
    finite = (None if value is None or not math.isfinite(value) else value for value in values)
    return Line(name, list(zip(times, finite, strict=True)), muted)


def largest(lines: Sequence[Line], keep: int, *, add_rest: bool) -> list[Line]:
    """The `keep` lines with the highest mean, highest first; with add_rest the others as one sum at the end.

    Sums make sense of what adds up (cores, bytes), not of percentiles. The rest is summed by x, so lines that have
    points at the same x are expected.
    """
    ranked = sorted(lines, key=lambda each: -_mean(each))
    kept, others = ranked[:keep], ranked[keep:]
    if not others or not add_rest:
        return kept
    if len(others) == 1:
        return ranked
    sums: dict[float, float] = {}
    for other in others:
        for x, value in other.points:
            if value is not None:
                sums[x] = sums.get(x, 0.0) + value
    return [*kept, Line(f"{len(others)} others", sorted(sums.items()), muted=True)]


def thin(points: Sequence[Point], buckets: int) -> list[Point]:
    """At most about two points a bucket, its lowest and its highest, so that no peak is lost; a gap stays a gap."""
    if len(points) <= 2 * buckets:
        return list(points)
    size = math.ceil(len(points) / buckets)
    thinned: list[Point] = []
    for start in range(0, len(points), size):
        bucket = points[start : start + size]
        known = [(x, value) for x, value in bucket if value is not None]
        if len(known) < len(bucket):
            thinned.append((bucket[0][0], None))
        if known:
            extremes = {min(known, key=_value), max(known, key=_value)}
            thinned.extend(sorted(extremes))
    return thinned


def _value(point: tuple[float, float]) -> float:
    return point[1]


def _mean(each: Line) -> float:
    values = each.values()
    return sum(values) / len(values) if values else -math.inf
