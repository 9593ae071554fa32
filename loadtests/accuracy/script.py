"""A scripted server's behaviour, and the response times that an open model must measure: pure."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from random import Random
from typing import Annotated, Literal

from msgspec import Meta, Struct

Law = Literal["constant", "two-point", "exponential", "long tail"]

SLOW_SHARE, SLOW_FACTOR = 0.03, 15.0
TAIL_INDEX, TAIL_FACTOR = 1.5, 100.0


class Stall(Struct, frozen=True):
    """The server starts no service in [at, at + length), in seconds after the start of the schedule."""

    at: float
    length: float


class Service(Struct, frozen=True):
    """The service time of request number n: the n-th draw of a seeded distribution, in seconds.

    constant: `scale_s`. two-point: `scale_s`, and SLOW_FACTOR times that for SLOW_SHARE of the requests. exponential:
    mean `scale_s`. long tail: Pareto from `scale_s` up with TAIL_INDEX, cut at TAIL_FACTOR times that.
    """

    law: Law
    scale_s: Annotated[float, Meta(ge=0)]
    seed: int = 1

    def times(self, count: int) -> list[float]:
        """The service times of requests 0 to count − 1."""
        random = Random(f"{self.seed}/service")
        return [self._draw(random) for _ in range(count)]

    def _draw(self, random: Random) -> float:
        if self.law == "two-point":
            return self.scale_s * (SLOW_FACTOR if random.random() < SLOW_SHARE else 1.0)
        if self.law == "exponential":
            return random.expovariate(1.0) * self.scale_s
        if self.law == "long tail":
            return self.scale_s * min(random.paretovariate(TAIL_INDEX), TAIL_FACTOR)
        return self.scale_s


class Behaviour(Struct, frozen=True):
    """A scripted server: its service times, the requests that it serves at once (None: all), and its stalls."""

    service: Service
    servers: int | None = None
    stalls: tuple[Stall, ...] = ()


class Queue:
    """A first-come, first-served queue that starts no service during a stall.

    With a number of servers this is Lindley's recursion (Kiefer and Wolfowitz's for several): a service starts when the
    request has arrived and a server is free. Without, a service starts when the request has arrived.
    """

    def __init__(self, behaviour: Behaviour) -> None:
        self._stalls = behaviour.stalls
        self._free = None if behaviour.servers is None else [-math.inf] * behaviour.servers

    def end(self, came: float, service: float) -> float:
        """When the next request, which arrived at `came`, is answered; call it in the order of arrival."""
        begin = came if self._free is None else max(came, self._free[0])
        for stall in self._stalls:
            if stall.at <= begin < stall.at + stall.length:
                begin = stall.at + stall.length
        end = begin + service
        if self._free is not None:
            heapq.heapreplace(self._free, end)
        return end


def response_times(behaviour: Behaviour, due: Sequence[float]) -> list[float]:
    """Seconds from each arrival's due time (ascending) to its answer, exact for a network without delay."""
    queue = Queue(behaviour)
    services = behaviour.service.times(len(due))
    return [queue.end(came, service) - came for came, service in zip(due, services, strict=True)]
