"""The verdict on a run or on a capacity search, with everything behind it: frozen data."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["pass", "breach", "invalid", "inconclusive"]
EXIT_CODES: dict[Status, int] = {"pass": 0, "inconclusive": 97, "invalid": 98, "breach": 99}

Side = Literal["at most", "at least"]
BudgetStatus = Literal["met", "broken", "inconclusive"]
CheckStatus = Literal["ok", "failed", "unknown", "noted"]


@dataclass(frozen=True)
class BudgetResult:
    """One budget against its observed value; low and high bound the 95 % interval, None without such a bound."""

    name: str
    side: Side
    limit: float
    unit: str
    observed: float | None
    low: float | None
    high: float | None
    samples: int
    status: BudgetStatus
    reason: str


@dataclass(frozen=True)
class ValidityCheck:
    """One check of the measurement itself; `advice` says what to change if the check failed.

    A noted check does not affect the verdict: it does not apply to this run, or only explains other checks.
    """

    check: str
    limit: str
    observed: str
    status: CheckStatus
    advice: str


@dataclass(frozen=True)
class Verdict:
    """The status, its exit code, the reason in one sentence, and all budgets and checks."""

    status: Status
    exit_code: int
    reason: str
    budgets: list[BudgetResult]
    validity: list[ValidityCheck]


@dataclass(frozen=True)
class Aborted:
    """A run that a budget ended early; the rest of its record covers the window up to then."""

    budget: str
    reason: str
    asked_duration_s: float


@dataclass(frozen=True)
class CapacityStep:
    """One run of a capacity search: arrivals a second requested (`rate`), offered and completed (`throughput`).

    concurrency: mean number of arrivals in progress. reason: why the verdict is no pass.
    """

    rate: float
    run: int
    status: Status
    offered: float
    throughput: float
    concurrency: float
    p99_ms: float | None
    reason: str


@dataclass(frozen=True)
class Estimate:
    """A fitted value with its 95 % interval; None without a bound."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Law:
    """The universal scalability law, fitted to the steps of a capacity search (capacity/scalability.py).

    rate: arrivals a second at a concurrency of one. peak: the highest throughput of the law at any concurrency.
    """

    rate: Estimate
    contention: Estimate
    coherency: Estimate
    peak: Estimate
    points: int


@dataclass(frozen=True)
class Capacity:
    """The result of a capacity search: the highest rate that holds, and the next higher rate, which does not."""

    arrivals: str
    holds: float | None
    fails: float | None
    steps: list[CapacityStep]
    law: Law | None
