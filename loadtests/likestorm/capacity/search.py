"""The search for the highest rate that holds: steps up until a budget breaks, repeated around the break."""

from __future__ import annotations

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
"""Of what is offered must be completed, or a step says nothing on how many were under way: their number grew."""

Measure = Callable[[float], CapacityStep]


def search(options: run.Options) -> int:
    """Search as the scenario's [capacity] says, on one target; returns the exit status of the highest rate that holds.

    Each step is a whole run, in steps/ of the results; those of the highest rate that holds (of the lowest, where none
    does) are reported once more, with all steps and the law.
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
    """The rate with which the search begins: the schedule's own."""
    return scenario.arrivals[plan.arrivals].rate or 0.0


def at_rate(scenario: Scenario, plan: CapacityPlan, rate: float) -> Scenario:
    """The scenario with the schedule that is searched at this rate, and with it the budgets on its rate."""
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

    Up by `factor` until a rate does not pass twice in a row: on a shared machine, a neighbour can break one as well.
    Then around the break, in turns so that a machine that changes meanwhile favours none: the last rate that passed,
    the one between, and the one that broke, until each has `repeats` runs.
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
    """Three digits are more than a search can tell apart."""
    return float(f"{rate:.3g}")


def find(plan: CapacityPlan, steps: Iterable[CapacityStep]) -> Capacity:
    """What a search has found.

    A rate holds if more than half of its runs passed, and if all lower rates hold. The law is that of the steps in
    which nearly all that was offered was completed.
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
    from likestorm.capacity import scalability  # numpy, which a bench has no use for in its memory

    law = scalability.fit([(each.concurrency, each.throughput) for each in steady])
    return Capacity(plan.arrivals, holds, fails, steps, law)


def step_of(arrivals: Arrivals, verdict: Verdict, rate: float, number: int, duration_s: float) -> CapacityStep:
    """One run of a search: how many were under way follows from Little's law, N = X · mean response time."""
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
