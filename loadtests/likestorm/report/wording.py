"""How the report says things: verdicts, statuses, and numbers with what they leave open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from likestorm.results.histogram import decode
from likestorm.results.record import Record
from likestorm.results.record.traffic import Arrivals, Percentiles, Requests
from likestorm.results.record.verdict import BudgetResult, Status
from likestorm.units import UNKNOWN, limit, quantity


@dataclass(frozen=True)
class Headline:
    """A verdict in words; `tone` is good, bad, or open and picks the colour, `icon` is for those who see no colour."""

    word: str
    icon: str
    tone: str
    meaning: str


HEADLINES: Mapping[Status, Headline] = {
    "pass": Headline("PASS", "✓", "good", "The target kept every budget, and the measurement can be trusted."),
    "breach": Headline("BREACH", "✕", "bad", "The target broke a budget, and the measurement can be trusted."),
    "invalid": Headline(
        "INVALID", "!", "odd", "What was measured decides nothing, neither for the target nor against it."
    ),
    "inconclusive": Headline("INCONCLUSIVE", "?", "open", "This run is too small to say that all is well."),
}
TONES = {
    "met": "good", "ok": "good", "broken": "bad", "failed": "odd", "inconclusive": "open", "unknown": "open",
    "noted": "plain",
}  # fmt: skip
ICONS = {"good": "✓", "bad": "✕", "odd": "!", "open": "?", "plain": "·"}

CLOSED_WARNING = (
    "Closed-model users: each waits for its answer before it asks again. So a target that stalls is asked less, and"
    " what it kept waiting is missing from these percentiles (coordinated omission); latency counts from sending."
)

REASON_LENGTH = 320
PERCENTILES = (("p50", 50.0), ("p90", 90.0), ("p95", 95.0), ("p99", 99.0), ("p99_9", 99.9))


def shorten(reason: str) -> str:
    """A verdict's reason cut after a whole clause, where it is longer than a first screen should hold."""
    if len(reason) <= REASON_LENGTH:
        return reason
    clauses = reason[:REASON_LENGTH].rsplit("; ", 1)[0]
    return f"{clauses}; and more, in the tables below."


def name_budget(name: str) -> str:
    """A budget's name as words."""
    return name.replace("_", " ")


def say_asked(arrivals: Arrivals) -> str:
    """What a schedule asked for: its mean rate, or so many users who take turns."""
    users = arrivals.closed_users
    return f"{users} closed-model user{'s' if users > 1 else ''}" if users else limit(arrivals.rate, "/s")


def warn_of_closed(record: Record) -> str:
    """The warning that belongs to closed-model users, with whose figures it is about; nothing where there are none."""
    closed = [name for name, each in record.arrivals.items() if each.closed_users]
    return f"{', '.join(closed)}: {CLOSED_WARNING}" if closed else ""


def say_limit(budget: BudgetResult) -> str:
    """The limit with its direction."""
    return f"{'≥' if budget.side == 'at least' else '≤'} {limit(budget.limit, budget.unit)}"


def say_interval(budget: BudgetResult) -> str:
    """The 95 % interval in words; a bound that the sample does not bear is said to be open."""
    low, high = (None if v is None else quantity(v, budget.unit) for v in (budget.low, budget.high))
    if low and high:
        return f"{low} to {high}"
    if low:
        return f"{low} or more"
    return f"up to {high}" if high else UNKNOWN


def say_percentiles(times: Percentiles, samples: int, longest_ms: float | None, *, censored: bool) -> list[str]:
    """p50, p90, p95, p99, p99.9 and the maximum of a sample.

    Where a percentile lies among arrivals that never completed it is only known to be longer than the longest that
    did; where less than one sample lies beyond it, the sample does not bear it.
    """
    beyond = f"> {quantity(longest_ms, 'ms')}" if censored and longest_ms is not None else UNKNOWN
    said = []
    for field, percentile in PERCENTILES:
        value: float | None = getattr(times, field)
        if samples * (1 - percentile / 100) < 0.999:
            said.append("too few")
        else:
            said.append(beyond if value is None else quantity(value, "ms"))
    return [*said, beyond if times.max is None else quantity(times.max, "ms")]


def longest(requests: Requests) -> float | None:
    """The longest response time that is known, ms."""
    return decode(requests.histogram).max_ms
