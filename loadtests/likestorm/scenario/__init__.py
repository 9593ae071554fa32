"""What a run is to do: frozen data; reading.py takes it from a TOML file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from likestorm.scenario.schedule import Course
from likestorm.scenario.workload import ArrivalPlan, ClosedPlan, Count, Positive

Percentile = Annotated[float, Meta(gt=0, lt=100)]
Ratio = Annotated[float, Meta(gt=0, lt=1)]


class Target(Struct, frozen=True, forbid_unknown_fields=True):
    """The system under test: a service at `url`, or a class of the user's project that brings one up.

    python: "module:Class" of a likestorm.targets.base.Target, in place of url. settings: the other keys of the table,
    which that class defines.
    locustfile: the file with the user classes (relative to the scenario's file), run as open arrivals, or closed as it
    is written. prometheus: base URL for budgets on server metrics. counters: PromQL of each hop's counter of all
    requests, which must agree with the clients' count. audit: a command that prints ids by set, as JSON.
    allow_hosts: names and addresses beyond loopback that load may go to.
    """

    url: str = ""
    python: str = ""
    settings: dict[str, Any] = {}
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


class ChainBudget(Struct, frozen=True, forbid_unknown_fields=True):
    """A percentile of one asynchronous chain's effects: within `seconds` of the acknowledged request."""

    name: str
    chain: str
    percentile: Percentile
    seconds: Positive


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


class SlopeBudget(Struct, frozen=True, forbid_unknown_fields=True):
    """A value that must not drift: it grows by at most so much an hour, as the interval of its slope says.

    Either of PromQL that gives one series, printed in `unit`, or the response times of an arrival, in ms: of each
    second the p50, or the p99.
    """

    name: str
    per_hour_at_most: Positive
    promql: str | None = None
    arrivals: str | None = None
    percentile: Literal[50, 99] = 50
    unit: str = "ms"


class Budgets(Struct, frozen=True, forbid_unknown_fields=True):
    """What the run must keep.

    abort_long_s, abort_short_s: the sliding windows in both of which a budget with `abort` must be broken for the run
    to end early. objectives, chains: names of the target's promises; a scenario that was read has the budgets that they
    mean in their place.
    """

    objectives: list[str] = []
    chains: list[str] = []
    rates: list[RateBudget] = []
    percentiles: list[PercentileBudget] = []
    errors: list[ErrorBudget] = []
    chain_effects: list[ChainBudget] = []
    promql: list[PromqlBudget] = []
    slopes: list[SlopeBudget] = []
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


class CapacityPlan(Struct, frozen=True, forbid_unknown_fields=True):
    """A search for the highest rate of one schedule, which begins with its own `rate`; the others stay as they are.

    Each step is a run of duration_s. factor: from one step to the next. repeats: runs of each rate around the break.
    """

    arrivals: str
    factor: Annotated[float, Meta(gt=1)] = 1.25
    steps_max: Count = 12
    repeats: Count = 3


class Scenario(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole scenario; times in seconds, rates in arrivals a second.

    users: "module:Class" of the Locust user whose methods are the arrivals' tasks. An arrival that waits longer than
    lateness_max_s for a free virtual user (at most users_max of them) is dropped; after the window the run waits
    at most drain_s for what is under way. With a locustfile in `target`, `users` is left out. capacity: a search for
    the highest rate in place of one run.
    """

    name: str
    description: str
    budgets: Budgets
    target: Target = Target()
    users: str = ""
    arrivals: dict[str, ArrivalPlan] = {}
    closed: dict[str, ClosedPlan] = {}
    capacity: CapacityPlan | None = None
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

    def warmed(self, at_least_s: float) -> Scenario:
        """The same scenario with a warm-up that is no shorter."""
        return msgspec.structs.replace(self, warm_up_s=max(self.warm_up_s, at_least_s))

    def courses(self) -> dict[str, Course]:
        """How the rate of each schedule goes, from the start of the warm-up to the end of the window."""
        return {name: plan.course(self.warm_up_s, self.duration_s) for name, plan in self.arrivals.items()}

    @property
    def steps(self) -> dict[str, list[str]]:
        """The requests of each schedule's arrivals and of each closed user's task, in order."""
        return {n: p.steps for n, p in self.arrivals.items()} | {n: p.steps for n, p in self.closed.items()}
