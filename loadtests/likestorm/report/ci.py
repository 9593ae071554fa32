"""What a CI service is told of a run: marks at the lines of budgets that were not met, and the step's summary."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from likestorm.report import summary, wording
from likestorm.results.record import Record
from likestorm.results.record.verdict import BudgetResult, Verdict
from likestorm.scenario import toml_lines
from likestorm.units import quantity

ACTIONS, STEP_SUMMARY, WORKSPACE = "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"
LEVELS = {"broken": "error", "inconclusive": "warning"}


@dataclass(frozen=True)
class Line:
    """A line of a file, from 1."""

    file: Path
    number: int


def announce(record: Record, verdict: Verdict, source: Path | None, environment: Mapping[str, str]) -> list[str]:
    """Append the summary to the step's, where there is one, and return the marks that GitHub reads from the output.

    source: the scenario's file, where it is known.
    """
    step = environment.get(STEP_SUMMARY)
    if step:
        with Path(step).open("a", encoding="utf-8") as file:
            file.write(summary.render(record, verdict))
    if environment.get(ACTIONS) != "true":
        return []
    root = Path(environment.get(WORKSPACE) or Path.cwd())
    return list(marks(verdict, locate(source), root))


def locate(source: Path | None) -> dict[str, Line]:
    """Where each budget stands in the scenario's file, by its name or by the objective that it comes from."""
    if source is None:
        return {}
    text = source.read_text(encoding="utf-8")
    known, budgets = toml_lines.lines(text), tomllib.loads(text).get("budgets", {})
    found = {}
    for kind, listed in budgets.items():
        for number, each in enumerate(listed if isinstance(listed, list) else ()):
            name = each.get("name", "") if isinstance(each, dict) else str(each)
            found[name] = Line(source, toml_lines.line_of(known, ("budgets", kind, number)))
    return found


def line_of(lines: Mapping[str, Line], budget: str) -> Line | None:
    """The line of a budget; one that an objective stands for is named after the objective."""
    return lines.get(budget) or next((line for name, line in lines.items() if budget.startswith(f"{name} ")), None)


def marks(verdict: Verdict, lines: Mapping[str, Line], root: Path) -> Iterator[str]:
    """GitHub's workflow commands: a mark a check that failed, a mark a budget that is broken or inconclusive."""
    for check in verdict.validity:
        if check.status == "failed":
            said = f"was {check.observed}, wanted {check.limit}. {check.advice}"
            yield _command("error", f"Invalid measurement: {check.check}", said, None, root)
    for budget in verdict.budgets:
        if budget.status in LEVELS:
            title = f"Budget {budget.status}: {wording.name_budget(budget.name)}"
            yield _command(LEVELS[budget.status], title, _say(budget), line_of(lines, budget.name), root)


def _say(budget: BudgetResult) -> str:
    seen = f"observed {quantity(budget.observed, budget.unit)} (95 % interval: {wording.say_interval(budget)})"
    return f"{seen}, limit {wording.say_limit(budget)}. {budget.reason}".strip()


def _command(level: str, title: str, message: str, line: Line | None, root: Path) -> str:
    properties = {"title": title}
    if line:
        file = line.file.resolve()
        inside = file.relative_to(root.resolve()) if file.is_relative_to(root.resolve()) else file
        properties = {"file": str(inside), "line": str(line.number), **properties}
    said = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{level} {said}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
