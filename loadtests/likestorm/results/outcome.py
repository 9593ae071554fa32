"""What the load generator measured in one run."""

from __future__ import annotations

from msgspec import Struct

from likestorm.results.ledger import Journal
from likestorm.results.record.traffic import Arrivals, Generator, Requests
from likestorm.results.record.verdict import Aborted
from likestorm.results.server_timing import Reservoir


class Traffic(Struct, frozen=True):
    """Requests of the whole run, warm-up included, to one address: answered without an error, and failed."""

    answered: int
    failed: int


class Outcome(Struct, frozen=True):
    """What the generator measured; times in seconds since the epoch."""

    window_start: float
    window_end: float
    arrivals: dict[str, Arrivals]
    requests: dict[str, Requests]
    generator: Generator
    journals: dict[str, Journal]
    traffic: dict[str, Traffic] = {}
    """By host:port."""
    unfinished: int = 0
    """Arrivals without an end when the run ended, those of the warm-up included."""
    aborted: Aborted | None = None
    timing: dict[str, Reservoir] = {}
    """Server timing by request."""
