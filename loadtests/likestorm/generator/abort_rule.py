"""Ends a run early once a budget that asks for it is broken beyond doubt: pure.

Two sliding windows must both say so, a long one, and a short one, so that what is over does not end a run. As they are
asked every second, each must clear the limit by four standard errors (Wilson's lower bound). In the long one more than
half of the seconds must be over the limit, so that no hiccup ends a run, however bad.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from likestorm.results.record.verdict import Aborted
from likestorm.scenario import Budgets, Scenario

STANDARD_ERRORS = 4.0

Counts = dict[str, tuple[int, int]]
"""By budget: requests that were too slow or failed, and all, of one second."""


@dataclass(frozen=True)
class Rule:
    """A budget as a share of bad requests: slower than `seconds` for a percentile, failed where that is None."""

    budget: str
    request: str | None
    allowed: float
    seconds: float | None


def rules(budgets: Budgets) -> list[Rule]:
    """Of the budgets that are to end a run early."""
    percentiles = [
        Rule(b.name, b.request, 1 - b.percentile / 100, b.seconds) for b in budgets.percentiles if b.abort
    ]  # fmt: skip
    return percentiles + [Rule(b.name, b.request, b.error_ratio, None) for b in budgets.errors if b.abort]


@dataclass
class Tally:
    """Counts the window's requests by rule since it was last emptied."""

    rules: list[Rule]
    bad: Counter[str] = field(default_factory=Counter)
    all: Counter[str] = field(default_factory=Counter)

    def count(self, request: str, response_s: float, *, failed: bool, censored: bool) -> None:
        """A request ended, or was given up (censored); a failure that is no timeout is in no percentile."""
        for rule in self.rules:
            if rule.request not in (None, request) or (rule.seconds is not None and failed and not censored):
                continue
            self.all[rule.budget] += 1
            is_bad = failed or censored if rule.seconds is None else censored or response_s > rule.seconds
            self.bad[rule.budget] += is_bad

    def empty(self) -> Counts:
        """What was counted; from now on it starts from nought."""
        counted = {budget: (self.bad[budget], total) for budget, total in self.all.items()}
        self.bad.clear()
        self.all.clear()
        return counted


class Tripwire:
    """Follows the seconds of the window and says when the run is to end."""

    def __init__(self, budgets: Budgets) -> None:
        self._rules = rules(budgets)
        self._long, self._short = math.ceil(budgets.abort_long_s), math.ceil(budgets.abort_short_s)
        self._seconds: deque[Mapping[str, tuple[int, int]]] = deque(maxlen=self._long)

    def add(self, second: Mapping[str, tuple[int, int]]) -> tuple[str, str] | None:
        """Take the counts of one more second; the budget that is broken and why, where one is."""
        self._seconds.append(second)
        if len(self._seconds) < self._long:
            return None
        for rule in self._rules:
            long, short = self._sum(rule.budget, self._long), self._sum(rule.budget, self._short)
            if min(lower_bound(*long), lower_bound(*short)) > rule.allowed and self._lasts(rule):
                return rule.budget, self._say(rule, long, short)
        return None

    def _lasts(self, rule: Rule) -> bool:
        asked = [counts for each in self._seconds if (counts := each.get(rule.budget)) and counts[1]]
        return 2 * sum(bad > rule.allowed * total for bad, total in asked) > len(asked)

    def _sum(self, budget: str, seconds: int) -> tuple[int, int]:
        recent = [each.get(budget, (0, 0)) for each in list(self._seconds)[-seconds:]]
        return sum(bad for bad, _ in recent), sum(total for _, total in recent)

    def _say(self, rule: Rule, long: tuple[int, int], short: tuple[int, int]) -> str:
        what = "failed" if rule.seconds is None else f"took over {rule.seconds:g} s"
        return (
            f"{100 * long[0] / long[1]:.2f} % of the last {self._long} s and {100 * short[0] / short[1]:.2f} % "
            f"of the last {self._short} s {what}, {100 * rule.allowed:g} % may"
        )


def lower_bound(bad: int, total: int) -> float:
    """Wilson's lower bound of a share at STANDARD_ERRORS; 0 of nothing."""
    if not total:
        return 0.0
    z, share = STANDARD_ERRORS, bad / total
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return max(0.0, (share + z * z / (2 * total) - spread) / (1 + z * z / total))


class EarlyEnd:
    """Whether, when and why a run ends early; `end_s` is in seconds since the start of the schedules."""

    def __init__(self, scenario: Scenario) -> None:
        self._warm_up_s, self._asked_s = scenario.warm_up_s, scenario.duration_s
        self._tripwire = Tripwire(scenario.budgets)
        self.end_s = scenario.warm_up_s + scenario.duration_s
        self.aborted: Aborted | None = None

    def add(self, counts: Counts, now: float) -> float | None:
        """Take the counts of the second before `now`; when the run is to end, if this second decides it.

        That is a whole second of the window which lies far enough ahead for every process to hear of it.
        """
        found = self._tripwire.add(counts)
        after_s = math.floor(now - self._warm_up_s) + 2
        if found is None or self.aborted or after_s >= self._asked_s:
            return None
        budget, reason = found
        self.end_s = self._warm_up_s + after_s
        self.aborted = Aborted(budget, f"{reason}; ended after {after_s} of {self._asked_s:g} s", self._asked_s)
        return self.end_s
