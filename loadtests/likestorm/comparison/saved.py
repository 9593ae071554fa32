"""Reads the saved runs of a comparison's two sides, and checks whether they are comparable."""

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
    """Runs that are not comparable; the message names them and the reason in one line."""


@dataclass(frozen=True)
class Run:
    """One finished run; scenario is None if only the record exists."""

    path: str
    record: Record
    scenario: Scenario | None


@dataclass(frozen=True)
class Side:
    """The runs of a baseline or of a candidate; at least one."""

    runs: tuple[Run, ...]

    @property
    def records(self) -> list[Record]:
        """The record of each run."""
        return [run.record for run in self.runs]

    @property
    def paths(self) -> list[str]:
        """The path of each run."""
        return [run.path for run in self.runs]

    @property
    def invalid(self) -> list[str]:
        """The paths of the runs with the verdict invalid."""
        return [run.path for run in self.runs if run.record.verdict and run.record.verdict.status == "invalid"]

    @property
    def revision(self) -> str:
        """The project's revision in the records; several ones are joined."""
        return ", ".join(sorted({run.record.environment.get(REVISION, "not known") for run in self.runs}))

    @property
    def budgeted(self) -> list[str]:
        """The requests with a latency budget in the scenario; all requests without a saved scenario."""
        first = self.runs[0]
        return list(first.record.requests) if first.scenario is None else list_budgeted(first.scenario)


def list_budgeted(scenario: Scenario) -> list[str]:
    """The requests with a latency budget in a scenario."""
    budgets = scenario.budgets
    return list(dict.fromkeys(budget.request for budget in budgets.percentiles))


def read(paths: Sequence[Path]) -> Side:
    """Read runs from folders or record.json files; CompareError for a run without a verdict."""
    runs = []
    for path in paths:
        file = path / RECORD_FILE if path.is_dir() else path
        found = document.load(file)
        if found.verdict is None:
            raise CompareError(f"{path}: was never judged (likestorm judge {file.parent})")
        beside = file.with_name(SCENARIO_FILE)
        runs.append(Run(str(path), found, load_saved(beside) if beside.exists() else None))
    return Side(tuple(runs))


def check_alike(base: Side, candidate: Side) -> None:
    """CompareError unless all runs had the same load and the same target settings."""
    first, *others = base.runs + candidate.runs
    for other in others:
        if first.path == other.path:
            raise CompareError(f"{first.path}: is on both sides, or twice on one")
        unlike = _load_differences(first, other)
        if unlike:
            raise CompareError(f"{first.path} and {other.path} are not alike: {'; '.join(unlike)}")


def list_warnings(base: Side, candidate: Side) -> list[str]:
    """Differences between the runs' machines and software versions, in words, without the compared revisions."""
    runs = base.runs + candidate.runs
    facts = dict.fromkeys(fact for run in runs for fact in run.record.environment)
    found = []
    for fact in facts.keys() - {REVISION, *runs[0].record.settings}:
        said = dict.fromkeys(run.record.environment.get(fact, "not known") for run in runs)
        if len(said) > 1:
            found.append(f"{fact} differs: {' / '.join(said)}")
    if len({run.record.generator.realtime for run in runs}) > 1:
        found.append("the generator had real-time priority in some of the runs only")
    return sorted(found)


def _load_differences(one: Run, other: Run) -> list[str]:
    """The differences in load and target settings of two runs, in words."""
    a, b = _load(one.record), _load(other.record)
    if one.scenario and other.scenario:
        a, b = _plan(one.scenario) | a, _plan(other.scenario) | b
    differing = (key for key in dict.fromkeys([*a, *b]) if a.get(key) != b.get(key))
    return [f"{key} is {a.get(key, 'not given')} and {b.get(key, 'not given')}" for key in differing]


def _load(record: Record) -> dict[str, object]:
    """The load and the target settings in a record."""
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
    """A scenario without the parts that only judge it, by dotted keys."""
    return dict(_flat({k: v for k, v in msgspec.to_builtins(scenario).items() if k not in JUDGED}))


def _flat(table: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
