"""Judges a record against its budgets and the validity checks: pure."""

from collections import defaultdict
from collections.abc import Iterable

from likestorm.results.record import Record
from likestorm.results.record.verdict import EXIT_CODES, BudgetResult, Status, ValidityCheck, Verdict
from likestorm.scenario import Scenario
from likestorm.units import limit as say_limit
from likestorm.units import quantity
from likestorm.verdict.budgets import judge_budgets
from likestorm.verdict.validity import check_validity


def judge(record: Record, scenario: Scenario) -> Verdict:
    """The verdict on a record under the scenario's budgets and limits.

    An invalid measurement outranks a broken budget; a broken budget outranks an inconclusive one.
    """
    budgets = judge_budgets(record, scenario.budgets)
    checks = check_validity(record, scenario, budgets)
    status = _status(budgets, checks)
    return Verdict(status, EXIT_CODES[status], _reason(status, budgets, checks), budgets, checks)


def _status(budgets: Iterable[BudgetResult], checks: Iterable[ValidityCheck]) -> Status:
    budget_statuses, check_statuses = {b.status for b in budgets}, {c.status for c in checks}
    if "failed" in check_statuses:
        return "invalid"
    if "broken" in budget_statuses:
        return "breach"
    if not budget_statuses or "inconclusive" in budget_statuses or "unknown" in check_statuses:
        return "inconclusive"
    return "pass"


def _reason(status: Status, budgets: list[BudgetResult], checks: list[ValidityCheck]) -> str:
    if status == "invalid":
        failed = [c for c in checks if c.status == "failed"]
        causes = "; ".join(f"{c.check} was {c.observed}, wanted {c.limit}" for c in failed)
        return f"This measurement cannot be trusted: {causes}. {failed[0].advice}"
    if status == "breach":
        return "; ".join(_describe(b) for b in budgets if b.status == "broken") + "."
    if status == "inconclusive":
        by_reason: defaultdict[str, list[str]] = defaultdict(list)
        for budget in budgets:
            if budget.status == "inconclusive":
                by_reason[budget.reason].append(budget.name)
        open_budgets = [f"{', '.join(names)}: {reason}" for reason, names in by_reason.items()]
        open_checks = [f"{c.check}: {c.observed}" for c in checks if c.status == "unknown"]
        return "Nothing is broken, but this run cannot tell: " + "; ".join(open_budgets + open_checks) + "."
    held = sum(c.status == "ok" for c in checks)
    return f"All {len(budgets)} budgets are met, each with 95 % confidence, and all {held} validity checks hold."


def _describe(budget: BudgetResult) -> str:
    side = "under" if budget.side == "at least" else "over"
    limit = say_limit(budget.limit, budget.unit)
    if budget.observed is None:
        return f"{budget.name} is {side} its limit of {limit}: {budget.reason}"
    is_beyond = budget.observed < budget.limit if budget.side == "at least" else budget.observed > budget.limit
    if not is_beyond:
        return f"{budget.name} is broken: {budget.reason}"
    because = f": {budget.reason}" if budget.reason else ""
    return f"{budget.name} was {quantity(budget.observed, budget.unit)}, {side} its limit of {limit}{because}"
