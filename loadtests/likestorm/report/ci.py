"""What a CI service is told of a run: marks at the lines of budgets that were not met, and the step's summary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from likestorm.report import summary, wording
from likestorm.results.record import Record
from likestorm.results.record.verdict import BudgetResult, Verdict
from likestorm.scenario import Scenario, toml_lines
from likestorm.scenario.toml_lines import Path as Place
from likestorm.units import quantity
from likestorm.verdict.budgets import chain_name, error_name, percentile_name
from service import objectives

ACTIONS, STEP_SUMMARY, WORKSPACE = "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"
LEVELS = {"broken": "error", "inconclusive": "warning"}


@dataclass(frozen=True)
class Line:
    """A line of a file, from 1."""

    file: Path
    number: int


def announce(
    record: Record, verdict: Verdict, scenario: Scenario, source: Path | None, environment: Mapping[str, str]
) -> list[str]:
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
    return list(marks(verdict, locate(scenario, source), root))


def locate(scenario: Scenario, source: Path | None) -> dict[str, Line]:
    """Where each budget stands, by its name: in the scenario's file, or in objectives.toml."""
    promised = {name: (name,) for name in scenario.budgets.chains}
    known = objectives.load()
    chains = objectives.load_chains()
    places: dict[str, Place] = {chain_name(chains[name]): (*place, "seconds") for name, place in promised.items()}
    for name in scenario.budgets.objectives:
        places[percentile_name(known[name])] = (name, "seconds")
        places[error_name(known[name])] = (name, "error_ratio")
    found = _lines(objectives.PATH, places)
    if source is None:
        return found
    own: dict[str, Place] = {}
    for kind in ("rates", "percentiles", "errors", "promql"):
        for number, budget in enumerate(getattr(scenario.budgets, kind)):
            own[budget.name] = ("budgets", kind, number)
    return found | _lines(source, own)


def _lines(file: Path, places: Mapping[str, Place]) -> dict[str, Line]:
    known = toml_lines.lines(file.read_text(encoding="utf-8"))
    return {name: Line(file, toml_lines.line_of(known, place)) for name, place in places.items()}


def marks(verdict: Verdict, lines: Mapping[str, Line], root: Path) -> Iterator[str]:
    """GitHub's workflow commands: a mark a check that failed, a mark a budget that is broken or inconclusive."""
    for check in verdict.validity:
        if check.status == "failed":
            said = f"was {check.observed}, wanted {check.limit}. {check.advice}"
            yield _command("error", f"Invalid measurement: {check.check}", said, None, root)
    for budget in verdict.budgets:
        if budget.status in LEVELS:
            title = f"Budget {budget.status}: {wording.name_budget(budget.name)}"
            yield _command(LEVELS[budget.status], title, _say(budget), lines.get(budget.name), root)


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
