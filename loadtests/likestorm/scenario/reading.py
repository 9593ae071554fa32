"""Reads scenarios from TOML files; a file is checked completely before anything starts."""

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from likestorm.errors import UsageError
from likestorm.scenario import (
    Budgets,
    ChainBudget,
    ErrorBudget,
    PercentileBudget,
    Scenario,
    Target,
    migration,
    mixes,
    overrides,
    project,
)  # fmt: skip
from likestorm.scenario.checking import Problem, check
from likestorm.scenario.content import table
from likestorm.scenario.load_rules import check_load
from likestorm.scenario.objectives import Objectives
from likestorm.scenario.rules import check_rules
from likestorm.scenario.target_class import TargetClassError, load_class, objectives_of
from likestorm.scenario.toml_lines import line_of, lines

_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)")


class ScenarioError(UsageError):
    """An unusable scenario file; the message has one line for each problem, which begins with FILE:LINE."""


def load(name_or_path: str, settings: Sequence[str] = ()) -> Scenario:
    """Load a scenario by name or path; `key=value` settings replace values of the file."""
    path = find(name_or_path)
    where = name_or_path if path == Path(name_or_path) else os.path.relpath(path)
    try:
        return parse(path.read_bytes().decode(), where, path.parent, settings)
    except OSError as error:
        raise ScenarioError(f"{where}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ScenarioError(f"{where}:{line}: not UTF-8") from error


def find(name_or_path: str) -> Path:
    """The file of a scenario: a path, or a name in the scenario folder of the current directory's project."""
    folder = project.read().scenarios
    for path in ([Path(folder, f"{name_or_path}.toml")] if folder else []) + [Path(name_or_path)]:
        if path.is_file():
            return path
    known = ", ".join(sorted(path.stem for path in Path(folder).glob("*.toml"))) if folder else ""
    raise ScenarioError(f"{name_or_path}: no such scenario or file" + (f"; there are {known}" if known else ""))


def parse(text: str, where: str, folder: Path, settings: Sequence[str] = ()) -> Scenario:
    """A scenario from TOML; ScenarioError lists all problems of the file `where` in order.

    folder: the base of relative paths in the file. settings: as for `load`.
    """
    content = migration.migrate(_parse_toml(text, where), project.read())
    given = overrides.parse(settings)
    last: list[str] = []
    # A value such as 2011 may be a number or a string; numbers come first.
    for overridden in (overrides.apply(content, given), overrides.apply(content, given, as_text=True)):
        found = _Reading(overridden, folder)
        problems = found.problems()
        if not problems:
            return found.scenario()
        last = last or _located(problems, text, where, set(given))
    raise ScenarioError("\n".join(last))


def _parse_toml(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message, line = str(error), len(text.splitlines())
        if place := _PLACE.search(message):
            message, line = message[: place.start()], int(place[1] or line)
        raise ScenarioError(f"{where}:{line}: {message}") from error


def _located(problems: list[Problem], text: str, where: str, overridden: set[tuple[str, ...]]) -> list[str]:
    """One line for each problem with its place in the file, or with the setting that replaced a key."""
    known = lines(text)
    by_line, by_setting = set(), set()
    for problem in problems:
        setting = next((path for path in overridden if problem.path[: len(path)] == path), None)
        if setting is not None:
            by_setting.add(f"--set {'.'.join(setting)}: {problem.message}")
        else:
            by_line.add((line_of(known, migration.written(problem.path, known)), problem.message))
    return [f"{where}:{line}: {message}" for line, message in sorted(by_line)] + sorted(by_setting)


class _Reading:
    """The content of one file, checked and converted to a scenario."""

    def __init__(self, content: Mapping[str, Any], folder: Path) -> None:
        self._folder, self._written = folder, content
        self._expanded = mixes.expand(content)
        self._class, self._class_problems = _load_class(table(content.get("target")).get("python"))
        self._objectives = objectives_of(self._class)
        self._content = _with_settings(self._expanded.content)

    def problems(self) -> list[Problem]:
        """All problems."""
        made = {("arrivals", name) for name in self._expanded.origins}
        return [
            *self._class_problems,
            *(problem for problem in check(self._content, Scenario) if problem.path[:2] not in made),
            *self._check_settings(),
            *mixes.check_mixes(self._written),
            *check_load(self._expanded.content, self._expanded.origins, self._folder),
            *check_rules(self._expanded.content, self._objectives),
        ]

    def scenario(self) -> Scenario:
        """The scenario of a file without problems, with its objectives as budgets and with absolute paths."""
        scenario = msgspec.convert(self._content, Scenario)
        target = scenario.target
        if target.locustfile:
            target = msgspec.structs.replace(target, locustfile=str((self._folder / target.locustfile).resolve()))
        budgets = resolve(scenario.budgets, self._objectives)
        return msgspec.structs.replace(scenario, budgets=budgets, target=target)

    def _check_settings(self) -> list[Problem]:
        if self._class is None:
            return []
        return check(table(self._content["target"])["settings"], self._class.Settings, ("target",))


def _load_class(reference: object) -> tuple[Any, list[Problem]]:
    if not isinstance(reference, str) or not reference:
        return None, []
    try:
        return load_class(reference), []
    except TargetClassError as error:
        return None, [Problem(("target", "python"), f"target.python: {error}")]


def _with_settings(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """The content with the keys of the target's class moved into `settings`."""
    target = table(content.get("target"))
    if not target.get("python"):
        return content
    common = {each.name for each in msgspec.structs.fields(Target)}
    own = {key: value for key, value in target.items() if key not in common}
    return {**content, "target": {key: target[key] for key in target.keys() & common} | {"settings": own}}


def resolve(budgets: Budgets, known: Objectives) -> Budgets:
    """The budgets with their objectives resolved: names replaced by budgets."""
    routes = [known.routes[name] for name in budgets.objectives]
    chains = [known.chains[name] for name in budgets.chains]
    percentiles = [PercentileBudget(f"{o.name} p{o.percentile:g}", o.name, o.percentile, o.seconds) for o in routes]
    errors = [ErrorBudget(f"{o.name} errors", o.error_ratio, o.name) for o in routes]
    effects = [ChainBudget(f"{o.name} within {o.seconds:g} s", o.chain, o.percentile, o.seconds) for o in chains]
    return msgspec.structs.replace(
        budgets,
        objectives=[],
        chains=[],
        percentiles=[*percentiles, *budgets.percentiles],
        errors=[*errors, *budgets.errors],
        chain_effects=[*effects, *budgets.chain_effects],
    )


def load_saved(path: Path) -> Scenario:
    """The saved scenario of a run; ScenarioError names the file and the problem."""
    try:
        content = migration.migrate(msgspec.json.decode(path.read_bytes(), type=dict[str, Any]), project.read())
        scenario = msgspec.convert(_with_settings(migration.settled(content)), Scenario)
    except (OSError, msgspec.MsgspecError) as error:
        raise ScenarioError(f"{path}: {error}") from error
    if not (scenario.budgets.objectives or scenario.budgets.chains):
        return scenario
    try:
        known = objectives_of(load_class(scenario.target.python))
        return msgspec.structs.replace(scenario, budgets=resolve(scenario.budgets, known))
    except (TargetClassError, KeyError) as error:
        raise ScenarioError(f"{path}: its objectives are not known here: {error}") from error
