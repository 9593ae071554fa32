"""Checks whether the measurement itself can be trusted: pure functions, each check with its limit and advice.

A check never fails for anything that the target does. A target that is slow, fails, drops requests or fills the machine
that it shares with the generator breaks its own budgets. A check fails only if the measuring side was late, disturbed
or lost data, or if two accounts of the same thing differ.
"""

from collections.abc import Iterable

from likestorm.results.record import Record
from likestorm.results.record.verdict import BudgetResult, ValidityCheck
from likestorm.scenario import Scenario
from likestorm.verdict.validity import generator, load, machine, target
from likestorm.verdict.warmup import check_warm_up


def check_validity(record: Record, scenario: Scenario, budgets: Iterable[BudgetResult]) -> list[ValidityCheck]:
    """All checks of the measurement; `budgets` tell how late an answer can come and still meet its budget."""
    limits = scenario.limits
    return [
        load.check_workers(record, scenario),
        load.check_accounting(record),
        load.check_schedule(record, scenario),
        load.check_mix(record),
        generator.check_dispatch_lag(record, limits),
        generator.check_loop_lag(record, limits),
        generator.check_collections(record, limits),
        generator.check_cpu(record, limits),
        machine.check_throttling(record, limits),
        machine.check_steal(record, limits),
        machine.check_pressure(record),
        machine.check_clock_steps(record, limits),
        machine.check_clock_skew(record.generator, limits),
        check_warm_up(record, scenario),
        load.check_drain(record, scenario, budgets),
        target.check_scraping(record, scenario),
        target.check_reconciliation(record.reconciliation),
        target.check_ledger(record, scenario.target),
    ]
