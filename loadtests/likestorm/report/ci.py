"""Messages for GitHub Actions: annotations at the lines of budgets that were not met, and the step's summary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from likestorm.report import summary, wording
from likestorm.results.record import Record
from likestorm.results.record.verdict import Verdict
from likestorm.scenario import Scenario, toml_lines

ACTIONS, STEP_SUMMARY, WORKSPACE = "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"
LEVELS = {"broken": "error", "inconclusive": "warning"}
KINDS = ("rates", "percentiles", "errors", "promql", "slopes")


def announce(
    record: Record, verdict: Verdict, scenario: Scenario, source: Path | None, environment: Mapping[str, str]
) -> list[str]:
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
    file, lines = source.resolve(), locate(verdict, scenario, source)
    return list(annotate(verdict, str(file.relative_to(root) if file.is_relative_to(root) else file), lines))


def locate(verdict: Verdict, scenario: Scenario, source: Path) -> dict[str, int]:
    """The line of each budget in the scenario's file, by the budget's name; a budget of an objective is named by it."""
    known = toml_lines.lines(source.read_text(encoding="utf-8"))
    places: dict[str, toml_lines.Path] = {}
    for kind in ("objectives", "chains"):
        for number, objective in enumerate(getattr(scenario.budgets, kind)):
            named = [each.name for each in verdict.budgets if each.name.startswith(f"{objective} ")]
            places.update(dict.fromkeys(named, ("budgets", kind, number)))
    for kind in KINDS:
        for number, budget in enumerate(getattr(scenario.budgets, kind)):
            places[budget.name] = ("budgets", kind, number)
    return {name: toml_lines.line_of(known, place) for name, place in places.items()}


def annotate(verdict: Verdict, file: str, lines: Mapping[str, int]) -> Iterator[str]:
    """GitHub's workflow commands: one for each failed check, and one for each broken or inconclusive budget."""
    for check in verdict.validity:
        if check.status == "failed":
            yield _command("error", f"Invalid measurement: {check.check}", wording.say_check(check))
    for budget in verdict.budgets:
        if budget.status in LEVELS:
            title = f"Budget {budget.status}: {budget.name}"
            place = {"file": file, "line": str(lines[budget.name])} if budget.name in lines else {}
            yield _command(LEVELS[budget.status], title, wording.say_budget(budget), **place)


def _command(level: str, title: str, message: str, **place: str) -> str:
    properties = ",".join(f"{name}={_property(value)}" for name, value in {**place, "title": title}.items())
    return f"::{level} {properties}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
