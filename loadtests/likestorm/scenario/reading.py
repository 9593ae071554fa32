"""Scenarios read from TOML files, which are checked whole before anything starts."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from likestorm.scenario import Budgets, Scenario, mixes
from likestorm.scenario.checking import Problem, check
from likestorm.scenario.load_rules import check_load
from likestorm.scenario.rules import Known, check_rules
from likestorm.scenario.toml_lines import line_of, lines
from service.objectives import load as load_objectives
from service.objectives import load_chains

SCENARIOS = Path(__file__).parents[2] / "photoapp" / "scenarios"
PATIENCE = ("lateness_max_s", "drain_s")
"""For how long a run waits: what takes longer is dropped, or left unfinished."""
ABORT = ("abort_short_s", "abort_long_s")
_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)")


class ScenarioError(Exception):
    """A scenario file that cannot be run; the message has a line a problem, each beginning with FILE:LINE."""


def load(name_or_path: str) -> Scenario:
    """A scenario by its name or by the path of a file; ScenarioError says what is wrong."""
    path = find(name_or_path)
    where = name_or_path if path == Path(name_or_path) else os.path.relpath(path)
    try:
        return parse(path.read_bytes().decode(), where, path.parent)
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ScenarioError(f"{where}:{line}: not UTF-8") from error


def parse(text: str, where: str, folder: Path) -> Scenario:
    """A scenario from TOML; the lines of ScenarioError are all problems of the file `where`, in the file's order.

    folder: where files that it names are looked for.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message, line = str(error), len(text.splitlines())
        if place := _PLACE.search(message):
            message, line = message[: place.start()], int(place[1] or line)
        raise ScenarioError(f"{where}:{line}: {message}") from error
    expanded = mixes.expand(content)
    problems = _problems(content, expanded, folder)
    if problems:
        known = lines(text)
        found = sorted({(line_of(known, problem.path), problem.message) for problem in problems})
        raise ScenarioError("\n".join(f"{where}:{line}: {message}" for line, message in found))
    return _located(msgspec.convert(expanded.content, Scenario), folder)


def _problems(content: dict[str, Any], expanded: mixes.Expanded, folder: Path) -> list[Problem]:
    made = {("arrivals", name) for name in expanded.origins}
    patience = {each.name: each.default for each in msgspec.structs.fields(Scenario) if each.name in PATIENCE}
    abort = {each.name: each.default for each in msgspec.structs.fields(Budgets) if each.name in ABORT}
    return [
        *(problem for problem in check(expanded.content, Scenario) if problem.path[:2] not in made),
        *mixes.check_mixes(content),
        *check_load(expanded.content, expanded.origins, folder),
        *check_rules(expanded.content, Known(load_objectives(), load_chains()), patience, abort),
    ]


def find(name_or_path: str) -> Path:
    """The file of a scenario, by its name or by its path; ScenarioError where there is none."""
    path = SCENARIOS / f"{name_or_path}.toml"
    if not path.is_file():
        path = Path(name_or_path)
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in SCENARIOS.glob("*.toml")))
        raise ScenarioError(f"{name_or_path}: no such scenario or file; there are {known}")
    return path


def load_saved(path: Path) -> Scenario:
    """The scenario of a run as it was saved with it; ScenarioError says what is wrong with the file."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Scenario)
    except (OSError, msgspec.MsgspecError) as error:
        raise ScenarioError(f"{path}: {error}") from error


def _located(scenario: Scenario, folder: Path) -> Scenario:
    """The scenario with its locustfile's path made absolute."""
    target = scenario.target
    if target is None or not target.locustfile:
        return scenario
    target = msgspec.structs.replace(target, locustfile=str((folder / target.locustfile).resolve()))
    return msgspec.structs.replace(scenario, target=target)
