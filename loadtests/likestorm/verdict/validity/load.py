"""Checks whether the generator offered the whole load of the scenario."""

from collections import Counter
from collections.abc import Iterable

from likestorm.results.record import Record
from likestorm.results.record.verdict import BudgetResult, ValidityCheck
from likestorm.scenario import Scenario
from likestorm.scenario.schedule import arrivals
from likestorm.verdict.lost_load import lost_arrivals

GENERATOR_LOG = "look into logs/generator.log"


def check_workers(record: Record, scenario: Scenario) -> ValidityCheck:
    """No worker may be lost or silent. The check names the lost part of the load: the k-th worker has the k-th part.

    A silent worker returned and offered its part, but its clients measured the outage of its own network.
    """
    workers = record.generator.workers
    lost = [index for index, worker in enumerate(workers) if worker.lost]
    silent = [f"{each.name} for {each.silent_s + 3:.0f} s" for each in workers if each.silent_s and not each.lost]
    observed = f"{len(workers) - len(lost)} of {len(workers)}" if workers else "one process"
    if lost:
        parts = lost_arrivals(scenario, record.scenario.duration_s, lost, len(workers))
        part = ", ".join(f"{name} {count} of {total}" for name, (count, total) in parts.items())
        observed += f", lost: {', '.join(workers[index].name for index in lost)}; their part: {part}"
    return ValidityCheck(
        "workers",
        "none lost, none silent for 3 s",
        observed + (f", silent: {', '.join(silent)}" if silent else ""),
        "failed" if lost or silent else "ok",
        "A generator process died or lost its connection: look into logs/generator-worker-*.log and check its network.",
    )


def check_accounting(record: Record) -> ValidityCheck:
    """Every offered arrival has exactly one end."""
    load = record.load
    ended = load.completed + load.failed + load.dropped + load.unfinished
    return ValidityCheck(
        "every arrival accounted for",
        "offered = completed + failed + dropped + unfinished",
        f"{load.offered} = {ended}" if load.offered == ended else f"{load.offered} ≠ {ended}",
        "ok" if load.offered == ended and load.offered else "failed",
        f"The load generator lost track of arrivals: {GENERATOR_LOG}.",
    )


def check_schedule(record: Record, scenario: Scenario) -> ValidityCheck:
    """The judge computes the schedule from the seed itself, so a generator that cuts its schedule short is noticed."""
    start = scenario.warm_up_s
    end = start + record.scenario.duration_s
    scheduled = Counter(each.name for each in arrivals(scenario.courses(), scenario.seed) if start <= each.due < end)
    offered = {name: record.arrivals[name].load.offered if name in record.arrivals else 0 for name in scenario.arrivals}
    wrong = [f"{name} {count} of {scheduled[name]}" for name, count in offered.items() if count != scheduled[name]]
    return ValidityCheck(
        "offered against schedule",
        "of each schedule, all arrivals of the seed",
        ", ".join(wrong) or f"{sum(offered.values())} of {scheduled.total()}",
        "failed" if wrong or not (scheduled or scenario.closed) else "ok",
        f"The load generator did not offer what the scenario asks for: {GENERATOR_LOG}.",
    )


def check_mix(record: Record) -> ValidityCheck:
    """Each step succeeded at least once for every completed arrival, and no other request was made."""
    needed: Counter[str] = Counter()
    for each in record.arrivals.values():
        needed.update({step: each.load.completed * each.steps.count(step) for step in set(each.steps)})
    made = {name: each.count - each.failures for name, each in record.requests.items()}
    wrong = [
        f"{step} succeeded {made.get(step, 0)} times, completed arrivals needed it {count} times"
        for step, count in needed.items()
        if made.get(step, 0) < count
    ]
    # The user's own locustfile may leave out the steps; then every request belongs to it.
    if all(each.steps for each in record.arrivals.values()):
        wrong += [f"{name} was requested, but is no arrival's step" for name in sorted(made.keys() - needed.keys())]
    return ValidityCheck(
        "mix of requests",
        "every completed arrival made all of its steps, and no other request was made",
        "; ".join(wrong) or f"{len(record.requests)} kinds of requests",
        "failed" if wrong else "ok",
        "The user class does not do what the scenario says: make its tasks and the scenario's `steps` agree.",
    )


def check_drain(record: Record, scenario: Scenario, budgets: Iterable[BudgetResult]) -> ValidityCheck:
    """The drain lasts at least as long as the longest latency budget; a shorter one censors answers that meet it."""
    latest = max((b.limit / 1e3 for b in budgets if b.unit == "ms"), default=0.0)
    unfinished = record.load.unfinished
    return ValidityCheck(
        "drain",
        f"≥ {latest:g} s, the longest latency budget, where arrivals were unfinished",
        f"{scenario.drain_s:g} s, {unfinished} unfinished",
        "failed" if unfinished > 0 and scenario.drain_s < latest else "ok",
        "The run ended before all answers within their budgets could arrive: make drain_s longer.",
    )
