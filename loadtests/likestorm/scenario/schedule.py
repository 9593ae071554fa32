"""The due times of arrivals: pure, seeded, and independent of the speed of target and generator."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, NamedTuple

from msgspec import Struct

Shape = Literal["poisson", "constant", "ramp", "steps", "burst"]


class Arrival(NamedTuple):
    """One arrival: the `name` of its schedule, its number there from 0, and `due` in seconds after the start."""

    due: float
    name: str
    number: int


@dataclass(frozen=True)
class Stretch:
    """A period, in seconds after the start, with a linear rate from `first` to `last` arrivals a second."""

    start: float
    end: float
    first: float
    last: float

    @property
    def expected(self) -> float:
        """The expected number of arrivals."""
        return (self.first + self.last) / 2 * (self.end - self.start)

    def within(self, start: float, end: float) -> Stretch:
        """The part between two times; it is empty where they do not overlap."""
        slope = (self.last - self.first) / (self.end - self.start)
        start, end = min(max(start, self.start), self.end), min(max(end, self.start), self.end)
        return Stretch(start, end, *(self.first + slope * (at - self.start) for at in (start, end)))

    def until(self, count: float) -> float:
        """The time by which `count` arrivals are expected: the inverse of the integral of the rate."""
        slope = (self.last - self.first) / (self.end - self.start)
        # This form of the quadratic's root is exact for a slope at or near zero.
        root = math.sqrt(max(0.0, self.first**2 + 2 * slope * count))
        return self.start + (2 * count / (self.first + root) if count else 0.0)


@dataclass(frozen=True)
class Course:
    """The rate of one schedule from start to end; `even` arrivals have equal distances."""

    stretches: Sequence[Stretch]
    even: bool = False

    def mean(self, start: float, end: float) -> float:
        """The mean rate between two times, in arrivals a second."""
        return sum(s.within(start, end).expected for s in self.stretches) / (end - start)


def stairs(steps: Sequence[tuple[float, float]], end: float) -> list[Stretch]:
    """Stretches of constant rates from pairs (time, rate), ascending; empty stretches are left out."""
    bounds = [*steps, (end, 0.0)]
    return [Stretch(at, until, rate, rate) for (at, rate), (until, _) in itertools.pairwise(bounds) if until > at]


def due_times(name: str, course: Course, seed: int) -> Iterator[float]:
    """Ascending times in seconds after the start, up to the end of the course.

    An inhomogeneous Poisson process, exact by inversion: the times of a unit-rate process are mapped through the
    inverse integral of the rate. For even arrivals the unit-rate times are the integers.
    """
    random = Random(f"{seed}/{name}/schedule")
    gaps = itertools.repeat(1.0) if course.even else (random.expovariate(1.0) for _ in itertools.count())
    reached = 0.0 if course.even else next(gaps)
    before = 0.0
    for stretch in course.stretches:
        while reached - before < stretch.expected:
            yield stretch.until(reached - before)
            reached += next(gaps)
        before += stretch.expected


def arrivals(courses: Mapping[str, Course], seed: int) -> Iterator[Arrival]:
    """The arrivals of all schedules, ordered by due time."""
    streams = (_stream(name, course, seed) for name, course in courses.items())
    yield from heapq.merge(*streams, key=lambda arrival: arrival.due)


class Part(Struct, frozen=True):
    """The part of one process: number `index` of `of` parts."""

    index: int = 0
    of: int = 1

    def share(self, total: int) -> int:
        """The number out of `total` items that belongs to this part."""
        return total // self.of + (self.index < total % self.of)


def part_of(arrivals: Iterable[Arrival], index: int, of: int) -> Iterator[Arrival]:
    """One of `of` parts: in each schedule every `of`-th arrival, starting with number `index`."""
    return (arrival for arrival in arrivals if arrival.number % of == index)


def choices(name: str, number: int, seed: int, salt: str = "") -> Random:
    """The random source of one arrival: it depends on these arguments alone, not on worker or time."""
    return Random(f"{seed}/{name}/{number}/{salt}")


def _stream(name: str, course: Course, seed: int) -> Iterator[Arrival]:
    for number, due in enumerate(due_times(name, course, seed)):
        yield Arrival(due, name, number)
