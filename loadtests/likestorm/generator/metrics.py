"""The metrics that a generator of one process serves while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RESPONSE_BUCKETS = (
    0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.075,
    0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
LAG_BUCKETS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


@dataclass(frozen=True)
class LoadMetric:
    """One metric; buckets are upper bounds in seconds."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...]
    buckets: tuple[float, ...] = ()


OFFERED = LoadMetric(
    "likestorm_load_offered_total", "counter", "Arrivals that were due and dispatched.", ("run", "arrival")
)
ARRIVALS = LoadMetric(
    "likestorm_load_arrivals_total", "counter", "Arrivals that have ended, by outcome.", ("run", "arrival", "outcome")
)
IN_FLIGHT = LoadMetric(
    "likestorm_load_in_flight", "gauge", "Arrivals that wait for a free user or for an answer.", ("run", "arrival")
)
RESPONSE = LoadMetric(
    "likestorm_load_response_seconds", "histogram",
    "Time from when an arrival was due to its last answer; arrivals without an end count above every bound.",
    ("run", "arrival"), RESPONSE_BUCKETS,
)  # fmt: skip
DISPATCH_LAG = LoadMetric(
    "likestorm_load_dispatch_lag_seconds", "histogram", "How late the generator itself started arrivals.",
    ("run",), LAG_BUCKETS,
)  # fmt: skip

LOAD_METRICS = (OFFERED, ARRIVALS, IN_FLIGHT, RESPONSE, DISPATCH_LAG)
