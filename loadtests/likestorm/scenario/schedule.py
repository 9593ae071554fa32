"""When arrivals are due: pure, seeded, and independent of how fast anything runs."""

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
    """One arrival: `name` of its schedule, its number there from 0, and `due` in seconds after the start."""

    due: float
    name: str
    number: int


@dataclass(frozen=True)
class Stretch:
    """A stretch of time, in seconds after the start, over which the rate goes straight from `first` to `last` /s."""

    start: float
    end: float
    first: float
    last: float

    @property
    def expected(self) -> float:
        """How many arrivals are expected in it."""
        return (self.first + self.last) / 2 * (self.end - self.start)

    def within(self, start: float, end: float) -> Stretch:
        """The part of it between two times, without length where they do not meet."""
        slope = (self.last - self.first) / (self.end - self.start)
        start, end = min(max(start, self.start), self.end), min(max(end, self.start), self.end)
        return Stretch(start, end, *(self.first + slope * (at - self.start) for at in (start, end)))

    def until(self, count: float) -> float:
        """The time until which `count` of these are expected: the inverse of the integral of the rate."""
        slope = (self.last - self.first) / (self.end - self.start)
        # This form of the quadratic's root loses nothing where the slope is, or is almost, nought.
        root = math.sqrt(max(0.0, self.first**2 + 2 * slope * count))
        return self.start + (2 * count / (self.first + root) if count else 0.0)


@dataclass(frozen=True)
class Course:
    """How the rate of one schedule goes from the start to the end, and whether arrivals keep even distances."""

    stretches: Sequence[Stretch]
    even: bool = False

    def mean(self, start: float, end: float) -> float:
        """The mean rate between two times, arrivals a second."""
        return sum(s.within(start, end).expected for s in self.stretches) / (end - start)


def stairs(steps: Sequence[tuple[float, float]], end: float) -> list[Stretch]:
    """Rates that hold from a time on, as (time, rate) in ascending times; a stretch without length is left out."""
    bounds = [*steps, (end, 0.0)]
    return [Stretch(at, until, rate, rate) for (at, rate), (until, _) in itertools.pairwise(bounds) if until > at]


def due_times(name: str, course: Course, seed: int) -> Iterator[float]:
    """Ascending times in seconds after the start, until the course ends.

    The process is inhomogeneous Poisson, exact by inversion: unit-rate arrivals are moved to where the integral of the
    rate reaches them. Even arrivals are those whose unit-rate times are the whole numbers.
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
    """The arrivals of all schedules, in the order in which they are due."""
    streams = (_stream(name, course, seed) for name, course in courses.items())
    yield from heapq.merge(*streams, key=lambda arrival: arrival.due)


class Part(Struct, frozen=True):
    """One process's part: of `of` parts, the one with this index."""

    index: int = 0
    of: int = 1

    def share(self, total: int) -> int:
        """How many of so many belong to this part."""
        return total // self.of + (self.index < total % self.of)


def part_of(arrivals: Iterable[Arrival], index: int, of: int) -> Iterator[Arrival]:
    """One part of `of`, which together are all: in each schedule every so-manieth arrival, from number `index` on."""
    return (arrival for arrival in arrivals if arrival.number % of == index)


def choices(name: str, number: int, seed: int, salt: str = "") -> Random:
    """The random source of one arrival, the same whoever runs it and whenever; another `salt` gives another one."""
    return Random(f"{seed}/{name}/{number}/{salt}")


def _stream(name: str, course: Course, seed: int) -> Iterator[Arrival]:
    for number, due in enumerate(due_times(name, course, seed)):
        yield Arrival(due, name, number)
