"""What a run is to do, read from a TOML file and checked whole before anything starts."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from loadtests.schedule import Shape
from service.objectives import ChainObjective, Objective, load_chains
from service.objectives import load as load_objectives

SCENARIOS = Path(__file__).with_name("scenarios")

Positive = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]
Percentile = Annotated[float, Meta(gt=0, lt=100)]
Ratio = Annotated[float, Meta(gt=0, lt=1)]


class ScenarioError(Exception):
    """A scenario file that cannot be run; the message names the file and every problem found."""


class Data(Struct, frozen=True, forbid_unknown_fields=True):
    """What the reference stack is seeded with."""

    users: Count
    photos_per_user: Count
    follows_per_user: Count


class ArrivalPlan(Struct, frozen=True, forbid_unknown_fields=True):
    """One schedule: arrivals a second, their shape, and the requests that an arrival makes, in order."""

    rate: Positive
    schedule: Shape
    steps: Annotated[list[str], Meta(min_length=1)]


class RateBudget(Struct, frozen=True, forbid_unknown_fields=True):
    """Completed arrivals a second: at least `at_least` × (1 − `tolerance`)."""

    name: str
    arrivals: str
    at_least: Positive
    tolerance: Annotated[float, Meta(ge=0, lt=1)]


class PercentileBudget(Struct, frozen=True, forbid_unknown_fields=True):
    """A percentile of one request's response times: at most `seconds`."""

    name: str
    request: str
    percentile: Percentile
    seconds: Positive


class ErrorBudget(Struct, frozen=True, forbid_unknown_fields=True):
    """The share of requests that fail or are never answered: at most `error_ratio`; without `request`, of them all."""

    name: str
    error_ratio: Ratio
    request: str | None = None


class Budgets(Struct, frozen=True, forbid_unknown_fields=True):
    """What the run must keep: objectives of the service by name, and budgets of the scenario's own.

    objectives: of requests. chains: of asynchronous chains.
    """

    objectives: list[str] = []
    chains: list[str] = []
    rates: list[RateBudget] = []
    percentiles: list[PercentileBudget] = []
    errors: list[ErrorBudget] = []


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """Beyond these the generator, not the target, is at fault, and the run is invalid."""

    dispatch_lag_p99_s: Positive = 0.020
    cpu_percent: Positive = 90.0
    scrape_gap_s: Positive = 5.0


class Scenario(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole scenario; times in seconds, rates in arrivals a second.

    users: "module:Class" of the Locust user whose methods are the arrivals' tasks. An arrival that waits longer than
    lateness_max_s for a free virtual user (at most users_max of them) is dropped; after the window the run waits
    at most drain_s for what is under way.
    """

    name: str
    description: str
    users: str
    arrivals: Annotated[dict[str, ArrivalPlan], Meta(min_length=1)]
    budgets: Budgets
    data: Data
    seed: int = 1
    warm_up_s: Annotated[float, Meta(ge=0)] = 10.0
    duration_s: Positive = 60.0
    users_max: Count = 256
    lateness_max_s: Positive = 10.0
    drain_s: Positive = 10.0
    limits: Limits = Limits()
    rate_factor: Positive = 1.0

    def scaled(self, rate: float | None = None, duration_s: float | None = None) -> Scenario:
        """The same scenario with every rate, and every budget on a rate, times `rate`, or with another window."""
        factor = rate or 1.0
        plans = {n: msgspec.structs.replace(p, rate=p.rate * factor) for n, p in self.arrivals.items()}
        rates = [msgspec.structs.replace(b, at_least=b.at_least * factor) for b in self.budgets.rates]
        return msgspec.structs.replace(
            self,
            arrivals=plans,
            budgets=msgspec.structs.replace(self.budgets, rates=rates),
            duration_s=duration_s or self.duration_s,
            rate_factor=self.rate_factor * factor,
        )

    def rates(self) -> dict[str, tuple[float, Shape]]:
        """Each schedule's rate and shape."""
        return {name: (plan.rate, plan.schedule) for name, plan in self.arrivals.items()}


def load(name_or_path: str) -> Scenario:
    """A scenario by its name in loadtests/scenarios/ or by the path of a file; ScenarioError says what is wrong."""
    path = SCENARIOS / f"{name_or_path}.toml"
    if not path.is_file():
        path = Path(name_or_path)
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in SCENARIOS.glob("*.toml")))
        raise ScenarioError(f"{name_or_path}: no such scenario or file; there are {known}")
    try:
        scenario = msgspec.convert(tomllib.loads(path.read_text()), Scenario)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ScenarioError(f"{path}: {error}") from error
    problems = _problems(scenario, load_objectives(), load_chains())
    if problems:
        raise ScenarioError(f"{path}: " + "; ".join(problems))
    return scenario


def load_saved(path: Path) -> Scenario:
    """The scenario of a run as it was saved with it; ScenarioError says what is wrong with the file."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Scenario)
    except (OSError, msgspec.MsgspecError) as error:
        raise ScenarioError(f"{path}: {error}") from error


def _problems(scenario: Scenario, objectives: dict[str, Objective], chains: dict[str, ChainObjective]) -> list[str]:
    """What a well-formed file still gets wrong: budgets on things that this scenario does not do."""
    requests = {step for plan in scenario.arrivals.values() for step in plan.steps}
    budgets = scenario.budgets
    problems = [f"objective {n!r} is not in service/objectives.toml" for n in budgets.objectives if n not in objectives]
    problems += [f"chain {n!r} is not in service/objectives.toml" for n in budgets.chains if n not in chains]
    named = [(n, n) for n in budgets.objectives] + [(b.name, b.request) for b in budgets.percentiles]
    named += [(b.name, b.request) for b in budgets.errors if b.request]
    problems += [f"budget {name!r}: no arrival makes the request {r!r}" for name, r in named if r not in requests]
    problems += [
        f"budget {b.name!r}: no arrival is called {b.arrivals!r}"
        for b in budgets.rates
        if b.arrivals not in scenario.arrivals
    ]
    latest = max((b.seconds for b in budgets.percentiles), default=0)
    if latest >= min(scenario.drain_s, scenario.lateness_max_s):
        problems.append(f"drain_s and lateness_max_s must be longer than every budget ({latest} s)")
    if not (named or budgets.rates or budgets.errors or budgets.chains):
        problems.append("no budget at all: such a run could only pass")
    module, _, attribute = scenario.users.partition(":")
    if not (module and attribute):
        problems.append(f"users must be 'module:Class', not {scenario.users!r}")
    return problems
