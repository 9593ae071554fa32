"""The lines of a chart: which ones are drawn, and with how many points."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Point = tuple[float, float | None]


@dataclass(frozen=True)
class Line:
    """A named line: points by ascending x; None is a gap. A `muted` line is grey, as a reference."""

    name: str
    points: Sequence[Point]
    muted: bool = False

    def values(self) -> list[float]:
        """The values without the gaps."""
        return [value for _, value in self.points if value is not None]


def line(name: str, times: Iterable[float], values: Iterable[float | None], *, muted: bool = False) -> Line:
    """A line of measured values; a value that is not finite becomes a gap."""
    finite = (None if value is None or not math.isfinite(value) else value for value in values)
    return Line(name, list(zip(times, finite, strict=True)), muted)


def by_second(name: str, values: Sequence[float | None], *, muted: bool = False) -> Line:
    """A line with one value a second, from second 0."""
    return line(name, map(float, range(len(values))), values, muted=muted)


def largest(lines: Sequence[Line], keep: int, *, add_rest: bool) -> list[Line]:
    """The `keep` lines with the highest mean, highest first; with add_rest the sum of the others as one more line.

    The sum takes the values at equal x. A single remaining line stays itself.
    """
    ranked = sorted(lines, key=lambda each: -_mean(each))
    others = ranked[keep:]
    if not others or not add_rest:
        return ranked[:keep]
    if len(others) == 1:
        return ranked
    sums: dict[float, float] = {}
    for other in others:
        for x, value in other.points:
            if value is not None:
                sums[x] = sums.get(x, 0.0) + value
    return [*ranked[:keep], Line(f"{len(others)} others", sorted(sums.items()), muted=True)]


def thin(points: Sequence[Point], buckets: int) -> list[Point]:
    """About two points a bucket, the lowest and the highest, so that every peak stays; a gap stays a gap."""
    if len(points) <= 2 * buckets:
        return list(points)
    size = math.ceil(len(points) / buckets)
    thinned: list[Point] = []
    for start in range(0, len(points), size):
        bucket = points[start : start + size]
        known = [(value, x) for x, value in bucket if value is not None]
        if len(known) < len(bucket):
            thinned.append((bucket[0][0], None))
        if known:
            thinned += sorted((x, value) for value, x in {min(known), max(known)})
    return thinned


def _mean(each: Line) -> float:
    values = each.values()
    return sum(values) / len(values) if values else -math.inf
