"""When arrivals are due: pure, seeded, and independent of how fast anything runs."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Literal

Shape = Literal["poisson", "constant"]


@dataclass(frozen=True)
class Arrival:
    """One arrival: `name` of its schedule, its number there from 0, and `due` in seconds after the start."""

    due: float
    name: str
    number: int


def due_times(name: str, rate: float, shape: Shape, seed: int) -> Iterator[float]:
    """Endless ascending times in seconds after the start; `rate` is in arrivals a second."""
    if shape == "constant":
        yield from (number / rate for number in itertools.count())
    random = Random(f"{seed}/{name}/schedule")
    due = 0.0
    while True:
        due += random.expovariate(rate)
        yield due


def arrivals(rates: dict[str, tuple[float, Shape]], seed: int, end: float) -> Iterator[Arrival]:
    """The arrivals of all schedules that are due before `end`, in the order in which they are due."""
    streams = (_stream(name, rate, shape, seed, end) for name, (rate, shape) in rates.items())
    yield from heapq.merge(*streams, key=lambda arrival: arrival.due)


def choices(name: str, number: int, seed: int, salt: str = "") -> Random:
    """The random source of one arrival, the same whoever runs it and whenever; another `salt` gives another one."""
    return Random(f"{seed}/{name}/{number}/{salt}")


def _stream(name: str, rate: float, shape: Shape, seed: int, end: float) -> Iterator[Arrival]:
    for number, due in enumerate(due_times(name, rate, shape, seed)):
        if due >= end:
            return
        yield Arrival(due, name, number)
