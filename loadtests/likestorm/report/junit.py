"""The run as JUnit XML: one test case for each budget and each validity check."""

from __future__ import annotations

import re

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from likestorm.report import wording
from likestorm.results.record import Record
from likestorm.results.record.verdict import Verdict

# XML 1.0 cannot contain these characters, not even escaped.
UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def render(record: Record, verdict: Verdict) -> str:
    """A broken budget is a failure, a failed check an error, and an undecided one is skipped."""
    suite = TestSuite(_clean(f"likestorm {record.scenario.name}"))
    suite.timestamp = record.started_at
    suite.add_property("verdict", verdict.status)
    suite.add_property("exit_code", str(verdict.exit_code))
    suite.add_property("target", _clean(record.target))
    for budget in verdict.budgets:
        suite.add_testcase(_case(budget.name, "budget", budget.status, wording.say_budget(budget)))
    for check in verdict.validity:
        suite.add_testcase(_case(check.check, "validity", check.status, wording.say_check(check)))
    suite.update_statistics()  # type: ignore[no-untyped-call]
    whole = JUnitXml()
    whole.add_testsuite(suite)
    text: bytes = whole.tostring()  # type: ignore[no-untyped-call]
    return text.decode("utf-8")


def _case(name: str, kind: str, status: str, message: str) -> TestCase:
    case = TestCase(_clean(name), classname=kind)
    if status == "broken":
        case.result = [Failure(_clean(message), "BudgetBroken")]
    elif status == "failed":
        case.result = [Error(_clean(message), "MeasurementInvalid")]
    elif status in ("inconclusive", "unknown"):
        case.result = [Skipped(_clean(message))]
    return case


def _clean(text: str) -> str:
    return UNWRITABLE.sub("\ufffd", text)
