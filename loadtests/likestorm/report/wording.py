"""The words of reports: verdicts, results of budgets and checks, and percentiles with their uncertainty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from likestorm.results.histogram import decode
from likestorm.results.record import Record
from likestorm.results.record.traffic import Arrivals, Percentiles, Requests
from likestorm.results.record.verdict import BudgetResult, Status, ValidityCheck
from likestorm.units import UNKNOWN, limit, quantity


@dataclass(frozen=True)
class Headline:
    """A verdict in words; `tone` (good, bad, odd or open) picks the colour, `icon` is for readers without colour."""

    word: str
    icon: str
    tone: str
    meaning: str


HEADLINES: Mapping[Status, Headline] = {
    "pass": Headline("PASS", "✓", "good", "The target met every budget, and the measurement is valid."),
    "breach": Headline("BREACH", "✕", "bad", "The target broke a budget, and the measurement is valid."),
    "invalid": Headline("INVALID", "!", "odd", "The measurement is not valid: it says nothing about the target."),
    "inconclusive": Headline("INCONCLUSIVE", "?", "open", "The run is too short to decide every budget."),
}
TONES = {
    "met": "good", "ok": "good", "broken": "bad", "failed": "odd", "inconclusive": "open", "unknown": "open",
    "noted": "plain",
}  # fmt: skip
ICONS = {"good": "✓", "bad": "✕", "odd": "!", "open": "?", "plain": "·"}

CLOSED_WARNING = (
    "Closed-model users: each user waits for a response before the next request. A slow target receives fewer requests,"
    " and the percentiles lack the time that users would have waited (coordinated omission). Latency counts from the"
    " send."
)

REASON_LENGTH = 320
PERCENTILES = (("p50", 50.0), ("p90", 90.0), ("p95", 95.0), ("p99", 99.0), ("p99_9", 99.9))


def shorten(reason: str) -> str:
    """A verdict's reason for the first screen, cut after a whole clause where it is long."""
    if len(reason) <= REASON_LENGTH:
        return reason
    clauses = reason[:REASON_LENGTH].rsplit("; ", 1)[0]
    return f"{clauses}; and more, in the tables below."


def say_asked(arrivals: Arrivals) -> str:
    """The load that the scenario asked for: a mean rate, or a number of closed-model users."""
    users = arrivals.closed_users
    return f"{users} closed-model user{'s' if users > 1 else ''}" if users else limit(arrivals.rate, "/s")


def warn_of_closed(record: Record) -> str:
    """The warning about figures of closed-model users, with the names of their arrivals; empty without such users."""
    closed = [name for name, each in record.arrivals.items() if each.closed_users]
    return f"{', '.join(closed)}: {CLOSED_WARNING}" if closed else ""


def say_budget(budget: BudgetResult) -> str:
    """The observed value with its interval, the limit, and the reason."""
    seen = f"observed {quantity(budget.observed, budget.unit)} (95 % interval: {say_interval(budget)})"
    return f"{seen}, limit {say_limit(budget)}, {budget.samples} samples. {budget.reason}".strip()


def say_check(check: ValidityCheck) -> str:
    """The observed value of a validity check, its limit, and the advice."""
    return f"was {check.observed}, wanted {check.limit}. {check.advice}"


def say_limit(budget: BudgetResult) -> str:
    """The limit with its direction."""
    return f"{'≥' if budget.side == 'at least' else '≤'} {limit(budget.limit, budget.unit)}"


def say_interval(budget: BudgetResult) -> str:
    """The 95 % interval in words; it is open where the sample supports no bound."""
    low, high = (None if v is None else quantity(v, budget.unit) for v in (budget.low, budget.high))
    if low and high:
        return f"{low} to {high}"
    if low:
        return f"{low} or more"
    return f"up to {high}" if high else UNKNOWN


def list_times(requests: Requests) -> list[tuple[str, list[str]]]:
    """The response times and the service times of a request, as say_percentiles gives them."""
    answered = requests.count + requests.censored - requests.timeouts
    longest, is_censored = decode(requests.histogram).max_ms, requests.censored > 0
    return [
        ("response", say_percentiles(requests.response_time_ms, answered, longest, censored=is_censored)),
        ("service", say_percentiles(requests.service_time_ms, requests.count, None, censored=False)),
    ]


def say_percentiles(times: Percentiles, samples: int, longest_ms: float | None, *, censored: bool) -> list[str]:
    """p50, p90, p95, p99, p99.9 and the maximum of a sample.

    A percentile among censored arrivals is only known to exceed the longest known time. A percentile with less than
    one sample beyond it is not given.
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
