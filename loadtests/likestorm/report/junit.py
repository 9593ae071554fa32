"""The run as JUnit XML, a test case a budget and a check of the measurement."""

from __future__ import annotations

import re

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from likestorm.report import wording
from likestorm.results.record import Record
from likestorm.results.record.verdict import BudgetResult, ValidityCheck, Verdict
from likestorm.units import quantity

# XML 1.0 has no way to write these, escaped or not.
UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def render(record: Record, verdict: Verdict) -> str:
    """A broken budget is a failure, a check that failed an error, what cannot be told is skipped."""
    suite = TestSuite(_clean(f"likestorm {record.scenario.name}"))
    suite.timestamp = record.started_at
    suite.add_property("verdict", verdict.status)
    suite.add_property("exit_code", str(verdict.exit_code))
    suite.add_property("target", _clean(record.target))
    for budget in verdict.budgets:
        suite.add_testcase(_budget_case(budget))
    for check in verdict.validity:
        suite.add_testcase(_validity_case(check))
    suite.update_statistics()  # type: ignore[no-untyped-call]
    whole = JUnitXml()
    whole.add_testsuite(suite)
    text: bytes = whole.tostring()  # type: ignore[no-untyped-call]
    return text.decode("utf-8")


def _budget_case(budget: BudgetResult) -> TestCase:
    case = TestCase(_clean(wording.name_budget(budget.name)), classname="budget")
    seen = f"observed {quantity(budget.observed, budget.unit)} (95 % interval: {wording.say_interval(budget)})"
    message = _clean(f"{seen}, limit {wording.say_limit(budget)}, {budget.samples} samples. {budget.reason}".strip())
    if budget.status == "broken":
        case.result = [Failure(message, "BudgetBroken")]
    elif budget.status == "inconclusive":
        case.result = [Skipped(message)]
    return case


def _validity_case(check: ValidityCheck) -> TestCase:
    case = TestCase(_clean(check.check), classname="validity")
    message = _clean(f"was {check.observed}, wanted {check.limit}. {check.advice}")
    if check.status == "failed":
        case.result = [Error(message, "MeasurementInvalid")]
    elif check.status == "unknown":
        case.result = [Skipped(message)]
    return case


def _clean(text: str) -> str:
    return UNWRITABLE.sub("\ufffd", text)
