"""What was decided of a run, or of a search's runs, and of what the decision consists: frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["pass", "breach", "invalid", "inconclusive"]
EXIT_CODES: dict[Status, int] = {"pass": 0, "inconclusive": 97, "invalid": 98, "breach": 99}

Side = Literal["at most", "at least"]
BudgetStatus = Literal["met", "broken", "inconclusive"]
CheckStatus = Literal["ok", "failed", "unknown", "noted"]


@dataclass(frozen=True)
class BudgetResult:
    """One budget against what was seen; low and high bound the 95 % interval, None where the sample bears no bound."""

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
    """One check of the measurement itself; `advice` says what to change when it failed.

    A check that is only noted decides nothing: it does not apply to this run, or says what the others may mean.
    """

    check: str
    limit: str
    observed: str
    status: CheckStatus
    advice: str


@dataclass(frozen=True)
class Verdict:
    """What was decided: the status, its exit code, why in one sentence, and every budget and check behind it."""

    status: Status
    exit_code: int
    reason: str
    budgets: list[BudgetResult]
    validity: list[ValidityCheck]


@dataclass(frozen=True)
class Aborted:
    """A run that a budget ended early: everything else in its record is of the window so far."""

    budget: str
    reason: str
    asked_duration_s: float


@dataclass(frozen=True)
class CapacityStep:
    """One run of a search for the highest rate: arrivals a second asked for, offered and completed.

    status: of the run's verdict, and why where it is no pass. concurrency: arrivals under way at once, on average.
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
    """A fitted value with its 95 % interval; None where there is no bound."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Law:
    """The universal scalability law through a search's steps (loadtests/likestorm/capacity/scalability.py).

    rate: arrivals a second of one alone. peak: the most arrivals a second that the law allows at any concurrency.
    """

    rate: Estimate
    contention: Estimate
    coherency: Estimate
    peak: Estimate
    points: int


@dataclass(frozen=True)
class Capacity:
    """What a search for the highest rate found: arrivals a second that hold, and the next higher that did not."""

    arrivals: str
    holds: float | None
    fails: float | None
    steps: list[CapacityStep]
    law: Law | None
