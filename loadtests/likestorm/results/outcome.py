"""What the load generator measured in one run, as its processes write it down."""

from __future__ import annotations

from msgspec import Struct

from likestorm.results.ledger import Journal
from likestorm.results.record.traffic import Arrivals, Generator, Requests
from likestorm.results.record.verdict import Aborted
from likestorm.results.server_timing import Kept


class Traffic(Struct, frozen=True):
    """Requests of the whole run, warm-up included, to one address: answered without an error, and failed ones."""

    answered: int
    failed: int


class Outcome(Struct, frozen=True):
    """What the swarm measured; times in seconds since the epoch."""

    window_start: float
    window_end: float
    arrivals: dict[str, Arrivals]
    requests: dict[str, Requests]
    generator: Generator
    journals: dict[str, Journal]
    traffic: dict[str, Traffic] = {}
    """By host:port."""
    unfinished: int = 0
    """Arrivals that were under way or waiting at the end, those of the warm-up included."""
    aborted: Aborted | None = None
    timing: dict[str, Kept] = {}
