"""A scenario, which defines a run: frozen data; reading.py reads it from a TOML file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from likestorm.scenario.schedule import Course
from likestorm.scenario.workload import ArrivalPlan, ClosedPlan, Count, Positive

Percentile = Annotated[float, Meta(gt=0, lt=100)]
Ratio = Annotated[float, Meta(gt=0, lt=1)]


class Target(Struct, frozen=True, forbid_unknown_fields=True):
    """The system under test: a service at `url`, or a system that a class of the user's project starts.

    python: "module:Class" of a likestorm.targets.base.Target in place of url. settings: the keys that this class
    defines. locustfile: a file with Locust user classes, relative to the scenario's file; model: run as open arrivals,
    or closed as written. prometheus: base URL for budgets on server metrics. counters: PromQL of each hop's request
    counter, which must agree with the clients' count. audit: a command that prints ids by set, as JSON. allow_hosts:
    names and addresses beyond loopback that load may go to.
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
    """At least `at_least` × (1 − `tolerance`) completed arrivals a second."""

    name: str
    arrivals: str
    at_least: Positive
    tolerance: Annotated[float, Meta(ge=0, lt=1)]


class PercentileBudget(Struct, frozen=True, forbid_unknown_fields=True):
    """A percentile of one request's response times of at most `seconds`; `abort` ends a hopeless run early."""

    name: str
    request: str
    percentile: Percentile
    seconds: Positive
    abort: bool = False


class ErrorBudget(Struct, frozen=True, forbid_unknown_fields=True):
    """At most `error_ratio` of the requests (of all, without `request`) fail or get no answer; `abort` as above."""

    name: str
    error_ratio: Ratio
    request: str | None = None
    abort: bool = False


class ChainBudget(Struct, frozen=True, forbid_unknown_fields=True):
    """A percentile of one asynchronous chain's effects within `seconds` of the acknowledged request."""

    name: str
    chain: str
    percentile: Percentile
    seconds: Positive


class PromqlBudget(Struct, frozen=True, forbid_unknown_fields=True):
    """A value of PromQL with an upper or lower limit; `unit` is its Grafana unit.

    An expression with `$tenth` is evaluated for each tenth of the window and judged by the interval of the mean. Any
    other expression is evaluated once, at the end, with the window as `$window`.
    """

    name: str
    promql: str
    at_most: float | None = None
    at_least: float | None = None
    unit: str = "short"


class SlopeBudget(Struct, frozen=True, forbid_unknown_fields=True):
    """A limit on the growth of a value per hour, judged by the interval of the slope.

    The value is PromQL that gives one series, printed in `unit`, or the p50 or p99 of an arrival's response times of
    each second, in ms.
    """

    name: str
    per_hour_at_most: Positive
    promql: str | None = None
    arrivals: str | None = None
    percentile: Literal[50, 99] = 50
    unit: str = "ms"


class Budgets(Struct, frozen=True, forbid_unknown_fields=True):
    """The budgets of a run.

    abort_long_s, abort_short_s: a budget with `abort` ends the run if it is broken in both of these sliding windows.
    objectives, chains: names of the target's objectives; reading a scenario replaces them by budgets.
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
    """Limits of the validity checks; a value beyond its limit makes the run invalid. The README explains each."""

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
    """A search for the highest rate of one schedule, from its own `rate` upwards; other schedules keep their rates.

    Each step is a run of duration_s. factor: from one rate to the next. repeats: runs of each rate around the break.
    """

    arrivals: str
    factor: Annotated[float, Meta(gt=1)] = 1.25
    steps_max: Count = 12
    repeats: Count = 3


class Scenario(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole scenario; times in seconds, rates in arrivals a second.

    users: "module:Class" of the Locust user whose methods are the tasks; absent with a locustfile in `target`. There
    are at most users_max virtual users. An arrival that waits for a free one longer than queue_timeout_s is dropped.
    After the window the run waits at most drain_s for arrivals in progress. capacity: a search for the highest rate
    in place of one run.
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
    queue_timeout_s: Positive = 10.0
    drain_s: Positive = 10.0
    limits: Limits = Limits()
    rate_factor: Positive = 1.0

    def scaled(self, rate: float | None = None, duration_s: float | None = None) -> Scenario:
        """The scenario with all rates and all budgets on rates times `rate`, and with another duration."""
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
        """The scenario with a warm-up of at least this length."""
        return msgspec.structs.replace(self, warm_up_s=max(self.warm_up_s, at_least_s))

    def courses(self) -> dict[str, Course]:
        """The rate of each schedule over time, from the start of the warm-up to the end of the window."""
        return {name: plan.course(self.warm_up_s, self.duration_s) for name, plan in self.arrivals.items()}

    @property
    def steps(self) -> dict[str, list[str]]:
        """The requests of each schedule's arrivals and of each closed user's task, in order."""
        return {n: p.steps for n, p in self.arrivals.items()} | {n: p.steps for n, p in self.closed.items()}
