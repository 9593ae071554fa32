"""Ends a run early once a budget with an abort rule is broken beyond doubt: pure.

Two sliding windows must both show the breach: a long one, and a short one, so that a breach that is over does not end
the run. The rule is evaluated every second, so each window must clear the limit by four standard errors (Wilson's lower
bound). In the long window more than half of the seconds must exceed the limit, so that one stall does not end the run.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from likestorm.results.record.verdict import Aborted
from likestorm.scenario import Budgets, Scenario

STANDARD_ERRORS = 4.0

Counts = dict[str, tuple[int, int]]
"""By budget: the bad requests and all requests of one second."""


@dataclass(frozen=True)
class Limit:
    """A budget as an allowed share of bad requests: slower than `seconds`, or failed where `seconds` is None."""

    budget: str
    request: str | None
    allowed: float
    seconds: float | None


def limits(budgets: Budgets) -> list[Limit]:
    """The limits of the budgets that have an abort rule."""
    percentiles = [
        Limit(b.name, b.request, 1 - b.percentile / 100, b.seconds) for b in budgets.percentiles if b.abort
    ]  # fmt: skip
    return percentiles + [Limit(b.name, b.request, b.error_ratio, None) for b in budgets.errors if b.abort]


@dataclass
class BudgetCounter:
    """Counts the window's requests by budget since the last `take`."""

    limits: list[Limit]
    bad: Counter[str] = field(default_factory=Counter)
    all: Counter[str] = field(default_factory=Counter)

    def count(self, request: str, response_s: float, *, failed: bool, censored: bool) -> None:
        """Count a request that ended or was given up (censored); percentiles ignore failures other than timeouts."""
        for limit in self.limits:
            if limit.request not in (None, request) or (limit.seconds is not None and failed and not censored):
                continue
            self.all[limit.budget] += 1
            is_bad = failed or censored if limit.seconds is None else censored or response_s > limit.seconds
            self.bad[limit.budget] += is_bad

    def take(self) -> Counts:
        """Return the counts and start from zero."""
        counted = {budget: (self.bad[budget], total) for budget, total in self.all.items()}
        self.bad.clear()
        self.all.clear()
        return counted


def add_up(seconds: Iterable[Counts]) -> Counts:
    """The sum of several counts."""
    bad: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for second in seconds:
        for budget, counts in second.items():
            bad[budget] += counts[0]
            total[budget] += counts[1]
    return {budget: (bad[budget], total[budget]) for budget in total}


class AbortRule:
    """Reads the window second by second and decides when the run ends."""

    def __init__(self, budgets: Budgets) -> None:
        self._limits = limits(budgets)
        self._long, self._short = math.ceil(budgets.abort_long_s), math.ceil(budgets.abort_short_s)
        self._seconds: deque[Counts] = deque(maxlen=self._long)

    def add(self, second: Counts) -> tuple[str, str] | None:
        """Add one second's counts; returns the broken budget and the reason once there is one."""
        self._seconds.append(second)
        if len(self._seconds) < self._long:
            return None
        for limit in self._limits:
            long, short = self._sum(limit.budget, self._long), self._sum(limit.budget, self._short)
            if min(lower_bound(*long), lower_bound(*short)) > limit.allowed and self._lasts(limit):
                return limit.budget, self._explain(limit, long, short)
        return None

    def _lasts(self, limit: Limit) -> bool:
        """Whether more than half of the seconds with requests exceed the limit."""
        counted = [counts for each in self._seconds if (counts := each.get(limit.budget)) and counts[1]]
        return 2 * sum(bad > limit.allowed * total for bad, total in counted) > len(counted)

    def _sum(self, budget: str, seconds: int) -> tuple[int, int]:
        return add_up(list(self._seconds)[-seconds:]).get(budget, (0, 0))

    def _explain(self, limit: Limit, long: tuple[int, int], short: tuple[int, int]) -> str:
        what = "failed" if limit.seconds is None else f"took over {limit.seconds:g} s"
        return (
            f"{100 * long[0] / long[1]:.2f} % of the last {self._long} s and {100 * short[0] / short[1]:.2f} % "
            f"of the last {self._short} s {what}, {100 * limit.allowed:g} % may"
        )


def lower_bound(bad: int, total: int) -> float:
    """Wilson's lower bound of a share at STANDARD_ERRORS; 0 without samples."""
    if not total:
        return 0.0
    z, share = STANDARD_ERRORS, bad / total
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return max(0.0, (share + z * z / (2 * total) - spread) / (1 + z * z / total))


class EarlyEnd:
    """Whether, when and why a run ends early; `end_s` is the window's end in seconds after the start."""

    def __init__(self, scenario: Scenario) -> None:
        self._warm_up_s, self._planned_s = scenario.warm_up_s, scenario.duration_s
        self._rule = AbortRule(scenario.budgets)
        self.end_s = scenario.warm_up_s + scenario.duration_s
        self.aborted: Aborted | None = None

    def add(self, counts: Counts, now: float) -> float | None:
        """Add the counts of the second before `now`; returns the new end if this second decides that the run ends.

        The end is a whole second of the window, far enough ahead for every process to receive the message.
        """
        found = self._rule.add(counts)
        after_s = math.floor(now - self._warm_up_s) + 2
        if found is None or self.aborted or after_s >= self._planned_s:
            return None
        budget, reason = found
        self.end_s = self._warm_up_s + after_s
        self.aborted = Aborted(budget, f"{reason}; ended after {after_s} of {self._planned_s:g} s", self._planned_s)
        return self.end_s
