"""Reads the saved runs of a comparison's two sides, and says whether they may be compared at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from likestorm.errors import UsageError
from likestorm.results.record import Record, document
from likestorm.run import RECORD_FILE, SCENARIO_FILE
from likestorm.scenario import Scenario
from likestorm.scenario.reading import load_saved

JUDGED = ("description", "budgets", "limits")
REVISION = "likestorm"


class CompareError(UsageError):
    """Runs that cannot be compared; the message is one line that names them and says why."""


@dataclass(frozen=True)
class Run:
    """One finished run; scenario is None where only its record is there."""

    path: str
    record: Record
    scenario: Scenario | None


@dataclass(frozen=True)
class Side:
    """The runs of a baseline, or of a candidate; at least one."""

    runs: tuple[Run, ...]

    @property
    def records(self) -> list[Record]:
        """What each run measured."""
        return [run.record for run in self.runs]

    @property
    def paths(self) -> list[str]:
        """Where each run is."""
        return [run.path for run in self.runs]

    @property
    def invalid(self) -> list[str]:
        """Where the runs are that say of themselves that they measured nothing."""
        return [run.path for run in self.runs if run.record.verdict and run.record.verdict.status == "invalid"]

    @property
    def revision(self) -> str:
        """The project's revision that the runs name, all of them where there are several."""
        return ", ".join(sorted({run.record.environment.get(REVISION, "not known") for run in self.runs}))

    @property
    def budgeted(self) -> list[str]:
        """The requests on whose latency the scenario has a budget; all, where only the records are there."""
        first = self.runs[0]
        return list(first.record.requests) if first.scenario is None else list_budgeted(first.scenario)


def list_budgeted(scenario: Scenario) -> list[str]:
    """The requests on whose latency a scenario has a budget."""
    budgets = scenario.budgets
    return list(dict.fromkeys(budget.request for budget in budgets.percentiles))


def read(paths: Sequence[Path]) -> Side:
    """The runs in these folders (or record.json files); CompareError where one was never judged."""
    runs = []
    for path in paths:
        file = path / RECORD_FILE if path.is_dir() else path
        found = document.load(file)
        if found.verdict is None:
            raise CompareError(f"{path}: was never judged (python -m likestorm judge {file.parent})")
        beside = file.with_name(SCENARIO_FILE)
        runs.append(Run(str(path), found, load_saved(beside) if beside.exists() else None))
    return Side(tuple(runs))


def check_alike(base: Side, candidate: Side) -> None:
    """CompareError unless all runs had the same load on the same shape of target."""
    first, *others = base.runs + candidate.runs
    for other in others:
        if first.path == other.path:
            raise CompareError(f"{first.path}: is on both sides, or twice on one")
        unlike = _load_differences(first, other)
        if unlike:
            raise CompareError(f"{first.path} and {other.path} are not alike: {'; '.join(unlike)}")


def list_warnings(base: Side, candidate: Side) -> list[str]:
    """How the machines and programs of the runs differ, in words; between the revisions themselves they may."""
    everybody = base.runs + candidate.runs
    facts = dict.fromkeys(fact for run in everybody for fact in run.record.environment)
    found = []
    for fact in facts.keys() - {REVISION, *everybody[0].record.settings}:
        said = dict.fromkeys(run.record.environment.get(fact, "not known") for run in everybody)
        if len(said) > 1:
            found.append(f"{fact} differs: {' / '.join(said)}")
    if len({run.record.generator.realtime for run in everybody}) > 1:
        found.append("the generator had real-time priority in some of the runs only")
    return sorted(found)


def _load_differences(one: Run, other: Run) -> list[str]:
    """What makes two runs unlike, in words."""
    a, b = _load(one.record), _load(other.record)
    if one.scenario and other.scenario:
        a, b = _plan(one.scenario) | a, _plan(other.scenario) | b
    differing = (key for key in dict.fromkeys([*a, *b]) if a.get(key) != b.get(key))
    return [f"{key} is {a.get(key, 'not given')} and {b.get(key, 'not given')}" for key in differing]


def _load(record: Record) -> dict[str, object]:
    """What a record says of the load and of the target's shape."""
    scenario = record.scenario
    facts: dict[str, object] = {
        "name": scenario.name,
        "seed": scenario.seed,
        "duration_s": scenario.duration_s,
        "warm_up_s": scenario.warm_up_s,
        "rate_factor": scenario.rate_factor,
    }
    for name, arrivals in record.arrivals.items():
        facts |= {f"arrivals.{name}.rate": arrivals.rate, f"arrivals.{name}.steps": arrivals.steps}
    return facts | {f"target.{key}": value for key, value in record.settings.items()}


def _plan(scenario: Scenario) -> dict[str, object]:
    """A whole scenario but for what only judges it, by dotted keys."""
    return dict(_flat({k: v for k, v in msgspec.to_builtins(scenario).items() if k not in JUDGED}))


def _flat(table: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
