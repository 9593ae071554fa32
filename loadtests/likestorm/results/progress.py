"""The progress of a run, as the generator reports it once a second."""

from msgspec import Struct


class Rates(Struct, frozen=True):
    """Progress of one schedule: arrivals in the last second, percentiles of the last five, errors since the start."""

    offered: float
    achieved: float
    p50_ms: float | None
    p99_ms: float | None
    errors: int


class Progress(Struct, frozen=True):
    """The state of a run; `failure` is the reason why it cannot continue.

    counts: bad requests and all requests of the last second, by the budgets that may end the run early.
    """

    phase: str
    left_s: float
    busy: int
    rates: dict[str, Rates]
    failure: str = ""
    counts: dict[str, tuple[int, int]] = {}
