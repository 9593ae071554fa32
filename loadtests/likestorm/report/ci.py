"""Messages for GitHub Actions: annotations at the lines of budgets that were not met, and the step's summary."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from likestorm.report import summary, wording
from likestorm.results.record import Record
from likestorm.results.record.verdict import Verdict
from likestorm.scenario import toml_lines

ACTIONS, STEP_SUMMARY, WORKSPACE = "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"
LEVELS = {"broken": "error", "inconclusive": "warning"}


def announce(record: Record, verdict: Verdict, source: Path | None, environment: Mapping[str, str]) -> list[str]:
    """Append the summary to the step's summary file, and return the annotations that GitHub reads from the output.

    source: the scenario's file, where it is known. Without the variables of GitHub Actions nothing happens.
    """
    step = environment.get(STEP_SUMMARY)
    if step:
        with Path(step).open("a", encoding="utf-8") as out:
            out.write(summary.render(record, verdict))
    if environment.get(ACTIONS) != "true":
        return []
    if source is None:
        return list(annotate(verdict, "", {}))
    root = Path(environment.get(WORKSPACE) or Path.cwd()).resolve()
    file = source.resolve()
    return list(annotate(verdict, str(file.relative_to(root) if file.is_relative_to(root) else file), locate(source)))


def locate(source: Path) -> dict[str, int]:
    """The line of each budget in a scenario's file, by the name of the budget or of its objective."""
    text = source.read_text(encoding="utf-8")
    known, budgets = toml_lines.lines(text), tomllib.loads(text).get("budgets", {})
    found = {}
    for kind, listed in budgets.items():
        for number, each in enumerate(listed if isinstance(listed, list) else ()):
            name = each.get("name", "") if isinstance(each, dict) else str(each)
            found[name] = toml_lines.line_of(known, ("budgets", kind, number))
    return found


def line_of(lines: Mapping[str, int], budget: str) -> int | None:
    """The line of a budget; the name of an objective's budget begins with the objective's name."""
    return lines.get(budget) or next((line for name, line in lines.items() if budget.startswith(f"{name} ")), None)


def annotate(verdict: Verdict, file: str, lines: Mapping[str, int]) -> Iterator[str]:
    """GitHub's workflow commands: one for each failed check, and one for each broken or inconclusive budget."""
    for check in verdict.validity:
        if check.status == "failed":
            yield _command("error", f"Invalid measurement: {check.check}", wording.say_check(check))
    for budget in verdict.budgets:
        if budget.status in LEVELS:
            title = f"Budget {budget.status}: {budget.name}"
            line = line_of(lines, budget.name)
            place = {"file": file, "line": str(line)} if line else {}
            yield _command(LEVELS[budget.status], title, wording.say_budget(budget), **place)


def _command(level: str, title: str, message: str, **place: str) -> str:
    properties = ",".join(f"{name}={_property(value)}" for name, value in {**place, "title": title}.items())
    return f"::{level} {properties}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
