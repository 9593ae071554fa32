"""What the load generator measured in one run; its processes write it as JSON."""

from msgspec import Struct

from likestorm.results.ledger import Journal
from likestorm.results.record.traffic import Arrivals, Generator, Requests
from likestorm.results.record.verdict import Aborted
from likestorm.results.server_timing import Reservoir


class Traffic(Struct, frozen=True):
    """Requests of the whole run to one address, warm-up included: those answered without an error, and failed ones."""

    answered: int
    failed: int


class Outcome(Struct, frozen=True):
    """The generator's measurements; times are Unix times in seconds."""

    window_start: float
    window_end: float
    arrivals: dict[str, Arrivals]
    requests: dict[str, Requests]
    generator: Generator
    journals: dict[str, Journal]
    traffic: dict[str, Traffic] = {}
    """By host:port."""
    unfinished: int = 0
    """Arrivals in progress or in the queue at the end, those of the warm-up included."""
    aborted: Aborted | None = None
    timing: dict[str, Reservoir] = {}
    """Server timing by request."""
