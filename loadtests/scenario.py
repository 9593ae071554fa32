"""What a run is to do, read from a TOML file and checked whole before anything starts."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from loadtests.schedule import Course
from loadtests.workload import ArrivalPlan, ClosedPlan, Count, Positive
from service.objectives import ChainObjective, Objective, load_chains
from service.objectives import load as load_objectives

SCENARIOS = Path(__file__).with_name("scenarios")

Percentile = Annotated[float, Meta(gt=0, lt=100)]
Ratio = Annotated[float, Meta(gt=0, lt=1)]


class ScenarioError(Exception):
    """A scenario file that cannot be run; the message names the file and every problem found."""


class Data(Struct, frozen=True, forbid_unknown_fields=True):
    """What the reference stack is seeded with."""

    users: Count
    photos_per_user: Count
    follows_per_user: Count


class Target(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody's own service in place of the reference stack.

    locustfile: whose users drive it (relative to the scenario's file); as open arrivals, or closed as it is written.
    prometheus: where budgets on server metrics are asked. counters: of each hop that counts all requests, the PromQL of
    its counter, which must then agree with the clients' count. audit: a command that prints ids by set, as JSON.
    allow_hosts: names and addresses beyond loopback that load may go to.
    """

    url: str
    locustfile: str | None = None
    model: Literal["open", "closed"] = "open"
    prometheus: str | None = None
    counters: dict[str, str] = {}
    audit: list[str] = []
    allow_hosts: list[str] = []


class RateBudget(Struct, frozen=True, forbid_unknown_fields=True):
    """Completed arrivals a second: at least `at_least` × (1 − `tolerance`)."""

    name: str
    arrivals: str
    at_least: Positive
    tolerance: Annotated[float, Meta(ge=0, lt=1)]


class PercentileBudget(Struct, frozen=True, forbid_unknown_fields=True):
    """A percentile of one request's response times: at most `seconds`; `abort` ends the run once that is hopeless."""

    name: str
    request: str
    percentile: Percentile
    seconds: Positive
    abort: bool = False


class ErrorBudget(Struct, frozen=True, forbid_unknown_fields=True):
    """The share of requests that fail or are never answered: at most `error_ratio`; without `request`, of them all.

    abort: ends the run once that is hopeless.
    """

    name: str
    error_ratio: Ratio
    request: str | None = None
    abort: bool = False


class PromqlBudget(Struct, frozen=True, forbid_unknown_fields=True):
    """What Prometheus says of the target: at most, or at least, so much; `unit` is how it is printed.

    An expression over `$tenth` is evaluated for each tenth of the window, and judged by its mean and that mean's
    interval. Any other is evaluated once, at the window's end, with the whole window as `$window`: one value.
    """

    name: str
    promql: str
    at_most: float | None = None
    at_least: float | None = None
    unit: str = "short"


class Budgets(Struct, frozen=True, forbid_unknown_fields=True):
    """What the run must keep: objectives of the service by name, and budgets of the scenario's own.

    objectives: of requests. chains: of asynchronous chains. abort_long_s, abort_short_s: the sliding windows in both of
    which a budget with `abort` must be broken for the run to end early.
    """

    objectives: list[str] = []
    chains: list[str] = []
    rates: list[RateBudget] = []
    percentiles: list[PercentileBudget] = []
    errors: list[ErrorBudget] = []
    promql: list[PromqlBudget] = []
    abort_long_s: Positive = 30.0
    abort_short_s: Positive = 5.0


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """Beyond these the generator, not the target, is at fault, and the run is invalid; the README says what each is."""

    dispatch_lag_p99_s: Positive = 0.020
    loop_lag_p99_s: Positive = 0.020
    gc_percent: Positive = 1.0
    gc_pause_s: Positive = 0.1
    cpu_percent: Positive = 90.0
    throttled_percent: Positive = 1.0
    steal_percent: Positive = 10.0
    clock_step_s: Positive = 0.05
    clock_skew_s: Positive = 0.05
    warm_up_factor: Annotated[float, Meta(gt=1)] = 1.5
    scrape_gap_s: Positive = 5.0


class Scenario(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole scenario; times in seconds, rates in arrivals a second.

    users: "module:Class" of the Locust user whose methods are the arrivals' tasks. An arrival that waits longer than
    lateness_max_s for a free virtual user (at most users_max of them) is dropped; after the window the run waits
    at most drain_s for what is under way. data: what the reference stack is seeded with. target: what is driven in
    place of the reference stack; with a locustfile there, `users` is left out.
    """

    name: str
    description: str
    budgets: Budgets
    users: str = ""
    arrivals: dict[str, ArrivalPlan] = {}
    closed: dict[str, ClosedPlan] = {}
    data: Data | None = None
    target: Target | None = None
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
        plans = {name: plan.scaled(factor) for name, plan in self.arrivals.items()}
        rates = [msgspec.structs.replace(b, at_least=b.at_least * factor) for b in self.budgets.rates]
        return msgspec.structs.replace(
            self,
            arrivals=plans,
            budgets=msgspec.structs.replace(self.budgets, rates=rates),
            duration_s=duration_s or self.duration_s,
            rate_factor=self.rate_factor * factor,
        )

    def courses(self) -> dict[str, Course]:
        """How the rate of each schedule goes, from the start of the warm-up to the end of the window."""
        return {name: plan.course(self.warm_up_s, self.duration_s) for name, plan in self.arrivals.items()}

    @property
    def steps(self) -> dict[str, list[str]]:
        """The requests of each schedule's arrivals and of each closed user's task, in order."""
        return {n: p.steps for n, p in self.arrivals.items()} | {n: p.steps for n, p in self.closed.items()}


def load(name_or_path: str) -> Scenario:
    """A scenario by its name in loadtests/scenarios/ or by the path of a file; ScenarioError says what is wrong."""
    path = find(name_or_path)
    try:
        scenario = _located(msgspec.convert(tomllib.loads(path.read_text()), Scenario), path.parent)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ScenarioError(f"{path}: {error}") from error
    problems = _problems(scenario, load_objectives(), load_chains())
    if problems:
        raise ScenarioError(f"{path}: " + "; ".join(problems))
    return scenario


def find(name_or_path: str) -> Path:
    """The file of a scenario, by its name in loadtests/scenarios/ or by its path; ScenarioError where there is none."""
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


def _problems(scenario: Scenario, objectives: dict[str, Objective], chains: dict[str, ChainObjective]) -> list[str]:
    """What a well-formed file still gets wrong: parts that do not fit, budgets on things that are not done."""
    requests = {step for steps in scenario.steps.values() for step in steps}
    # What a locustfile of one's own asks for shows only when it runs; a budget on nothing is then inconclusive.
    is_known = not (scenario.target and scenario.target.locustfile)
    budgets = scenario.budgets
    problems = [f"objective {n!r} is not in service/objectives.toml" for n in budgets.objectives if n not in objectives]
    problems += [f"chain {n!r} is not in service/objectives.toml" for n in budgets.chains if n not in chains]
    named = [(n, n) for n in budgets.objectives] + [(b.name, b.request) for b in budgets.percentiles]
    named += [(b.name, b.request) for b in budgets.errors if b.request]
    problems += [
        f"budget {name!r}: no arrival makes the request {r!r}" for name, r in named if is_known and r not in requests
    ]
    problems += [
        f"budget {b.name!r}: no arrival is called {b.arrivals!r}"
        for b in budgets.rates
        if b.arrivals not in scenario.steps
    ]
    problems += [
        f"budget {b.name!r}: needs either at_most or at_least"
        for b in budgets.promql
        if (b.at_most is None) == (b.at_least is None)
    ]
    if budgets.abort_short_s >= budgets.abort_long_s:
        problems.append("budgets.abort_short_s must be shorter than budgets.abort_long_s")
    if budgets.promql and scenario.target and not scenario.target.prometheus:
        problems.append("budgets on PromQL need the target's prometheus")
    if scenario.target and scenario.target.counters and not scenario.target.prometheus:
        problems.append("target.counters need the target's prometheus")
    latest = max((b.seconds for b in budgets.percentiles), default=0)
    if latest >= min(scenario.drain_s, scenario.lateness_max_s):
        problems.append(f"drain_s and lateness_max_s must be longer than every budget ({latest} s)")
    if not (named or budgets.rates or budgets.errors or budgets.chains or budgets.promql):
        problems.append("no budget at all: such a run could only pass")
    return problems + load_problems(scenario) + target_problems(scenario)


def load_problems(scenario: Scenario) -> list[str]:
    """What is wrong with arrivals and closed users."""
    own = bool(scenario.target and scenario.target.locustfile)
    problems = [f"arrivals.{name}: {each}" for name, plan in scenario.arrivals.items() for each in plan.problems()]
    problems += [f"{name}: both arrivals and closed users" for name in scenario.arrivals if name in scenario.closed]
    if not scenario.steps:
        problems.append("no load: neither [arrivals.NAME] nor [closed.NAME]")
    if not own:
        problems += [f"{name}: no steps, the requests of one arrival" for name, s in scenario.steps.items() if not s]
    for name, closed in scenario.closed.items():
        if own and closed.think_s:
            problems.append(f"closed.{name}: a locustfile of one's own runs with its own wait_time, not think_s")
        elif not own and not closed.think_s:
            problems.append(f"closed.{name}: needs think_s = [shortest, longest]")
        elif closed.think_s and closed.think_s[0] > closed.think_s[1]:
            problems.append(f"closed.{name}: think_s must be [shortest, longest]")
    users = {n: p.user for n, p in scenario.arrivals.items()} | {n: p.user for n, p in scenario.closed.items()}
    return problems + [
        f"{name}: user goes with [target] locustfile" for name, user in users.items() if user and not own
    ]


def target_problems(scenario: Scenario) -> list[str]:
    """What is wrong with whom to drive, and with whose users."""
    target = scenario.target
    module, _, attribute = scenario.users.partition(":")
    if target is None or not target.locustfile:
        problems = [] if module and attribute else [f"users must be 'module:Class', not {scenario.users!r}"]
        return problems if target or scenario.data else [*problems, "no [data] for the reference stack"]
    problems = []
    if scenario.users:
        problems.append("users and [target] locustfile exclude each other")
    if not Path(target.locustfile).is_file():
        problems.append(f"target.locustfile: no such file: {target.locustfile}")
    if target.model == "closed" and (scenario.arrivals or not scenario.closed):
        problems.append('target.model = "closed" wants [closed.NAME] with users, and no [arrivals.NAME]')
    if target.model == "open" and not scenario.arrivals:
        problems.append('target.model = "open" wants [arrivals.NAME]')
    return problems


def _located(scenario: Scenario, folder: Path) -> Scenario:
    """The scenario with its locustfile's path made absolute."""
    target = scenario.target
    if target is None or not target.locustfile:
        return scenario
    target = msgspec.structs.replace(target, locustfile=str((folder / target.locustfile).resolve()))
    return msgspec.structs.replace(scenario, target=target)
