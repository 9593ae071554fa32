"""The search for the highest rate that holds: rising steps until a budget breaks, with repeats around the break."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from likestorm import run, targets
from likestorm.errors import UsageError
from likestorm.report import tables, terminal
from likestorm.results.histogram import decode
from likestorm.results.record import Record
from likestorm.results.record.traffic import Arrivals
from likestorm.results.record.verdict import Capacity, CapacityStep, Verdict
from likestorm.scenario import CapacityPlan, Scenario

STEADY = 0.98
"""The least share of completed arrivals in a steady step. Otherwise arrivals pile up, and Little's law fails."""

Measure = Callable[[float], CapacityStep]


def search(options: run.Options) -> int:
    """Run the search of the scenario's [capacity] on one target; returns the exit status of the rate that holds.

    Each step is a whole run in steps/ of the results. The report of the search is that of the highest rate that holds
    (of the lowest rate, if none holds), with all steps and the scalability law.
    """
    scenario, plan = options.scenario, options.scenario.capacity
    if plan is None:
        raise UsageError(f"{scenario.name} has no [capacity]")
    out = run.folder_of(options).resolve()
    measured: dict[tuple[float, int], Record] = {}
    counts: defaultdict[float, int] = defaultdict(int)

    def measure(rate: float) -> CapacityStep:
        counts[rate] += 1
        folder = out / "steps" / f"{rate:g}-{counts[rate]}"
        record, verdict, _ = run.measure(replace(options, scenario=at_rate(scenario, plan, rate), out=folder))
        step = step_of(record.arrivals[plan.arrivals], verdict, rate, counts[rate], record.scenario.duration_s)
        measured[rate, counts[rate]] = record
        Console(soft_wrap=True).print(_say(step), markup=False, highlight=False)
        return step

    with targets.of(scenario).kept():
        steps = climb(plan, start_of(scenario, plan), measure)
    return _conclude(scenario, plan, steps, measured, out)


def start_of(scenario: Scenario, plan: CapacityPlan) -> float:
    """The schedule's own rate, with which the search begins."""
    return scenario.arrivals[plan.arrivals].rate or 0.0


def at_rate(scenario: Scenario, plan: CapacityPlan, rate: float) -> Scenario:
    """The scenario with the searched schedule, and the budgets on its rate, at this rate."""
    factor = rate / start_of(scenario, plan)
    arrivals = scenario.arrivals | {plan.arrivals: scenario.arrivals[plan.arrivals].scaled(factor)}
    rates = [
        msgspec.structs.replace(each, at_least=each.at_least * factor) if each.arrivals == plan.arrivals else each
        for each in scenario.budgets.rates
    ]
    budgets = msgspec.structs.replace(scenario.budgets, rates=rates)
    return msgspec.structs.replace(scenario, arrivals=arrivals, budgets=budgets)


def climb(plan: CapacityPlan, start: float, measure: Measure) -> list[CapacityStep]:
    """Every step of a search, in order.

    The rate rises by `factor` until it fails twice in a row, because noise of a shared machine can break a single run.
    Then the last rate that passed, the rate that broke and a rate between them take turns until each has `repeats`
    runs. Turns keep a drift of the machine from favouring one rate.
    """
    steps: list[CapacityStep] = []
    rate, held = start, 0.0
    for _ in range(plan.steps_max):
        tries = [measure(rate)]
        if tries[0].status != "pass":
            tries.append(measure(rate))
        steps += tries
        if tries[-1].status != "pass":
            break
        held, rate = rate, rounded(rate * plan.factor)
    else:
        return steps
    around = [held, rounded(math.sqrt(held * rate)), rate] if held else [rate]
    for _ in range(plan.repeats):
        for each in around:
            if sum(step.rate == each for step in steps) < plan.repeats:
                steps.append(measure(each))
    return steps


def rounded(rate: float) -> float:
    """A rate with three digits, which is more than a search can tell apart."""
    return float(f"{rate:.3g}")


def find(plan: CapacityPlan, steps: Iterable[CapacityStep]) -> Capacity:
    """The result of a search.

    A rate holds if more than half of its runs passed and all lower rates hold. The law is fitted to the steady steps.
    """
    steps = list(steps)
    by_rate: defaultdict[float, list[CapacityStep]] = defaultdict(list)
    for step in steps:
        by_rate[step.rate].append(step)
    holds: float | None = None
    fails: float | None = None
    for rate, runs in sorted(by_rate.items()):
        if 2 * sum(each.status == "pass" for each in runs) <= len(runs):
            fails = rate
            break
        holds = rate
    steady = [each for each in steps if each.throughput and each.throughput >= STEADY * each.offered]
    from likestorm.capacity import scalability  # numpy would take memory during the runs

    law = scalability.fit([(each.concurrency, each.throughput) for each in steady])
    return Capacity(plan.arrivals, holds, fails, steps, law)


def step_of(arrivals: Arrivals, verdict: Verdict, rate: float, number: int, duration_s: float) -> CapacityStep:
    """One run of a search; the concurrency follows from Little's law, N = X · mean response time."""
    completed = arrivals.load.completed / duration_s
    mean_s = decode(arrivals.histogram).hdr.get_mean_value() / 1e6
    return CapacityStep(
        rate=rate,
        run=number,
        status=verdict.status,
        offered=round(arrivals.load.offered / duration_s, 3),
        throughput=round(completed, 3),
        concurrency=round(completed * mean_s, 4),
        p99_ms=arrivals.response_time_ms.p99,
        reason="" if verdict.status == "pass" else verdict.reason,
    )


def _conclude(
    scenario: Scenario,
    plan: CapacityPlan,
    steps: list[CapacityStep],
    measured: Mapping[tuple[float, int], Record],
    out: Path,
) -> int:
    found = find(plan, steps)
    rate = found.holds or min(step.rate for step in steps)
    wanted = "pass" if found.holds else steps[0].status
    shown = next(step for step in steps if step.rate == rate and step.status == wanted)
    record = replace(measured[shown.rate, shown.run], capacity=found)
    verdict, page = run.conclude(record, at_rate(scenario, plan, rate), out)
    terminal.show_verdict(record, verdict, page)
    console = Console(width=None if Console().is_terminal else 130)
    console.print(_table(found))
    for sentence in tables.say_capacity(found):
        console.print(sentence, soft_wrap=True, markup=False, highlight=False)
    return verdict.exit_code


def _table(found: Capacity) -> Table:
    title = f"Capacity: {found.arrivals}, each run by its budgets"
    table = Table(*tables.CAPACITY_HEADS, title=title, title_justify="left")
    for row in tables.list_capacity(found):
        table.add_row(*row)
    return table


def _say(step: CapacityStep) -> str:
    p99 = "not known" if step.p99_ms is None else f"{step.p99_ms:.1f} ms"
    return f"{step.rate:g}/s, run {step.run}: {step.status}, {step.throughput:.1f}/s completed, p99 {p99} {step.reason}"
