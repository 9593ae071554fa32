"""Building blocks of the checks: a value against its limit, and the worst process of the generator."""

from collections.abc import Callable

from likestorm.results.record import Record
from likestorm.results.record.traffic import Vitals
from likestorm.results.record.verdict import CheckStatus, ValidityCheck


def at_most(
    name: str, seen: float | None, limit: float, form: str, unit: str, advice: str, absent: CheckStatus = "unknown"
) -> ValidityCheck:
    """A value that must not exceed its limit; `form` prints the value, `absent` is the status without a value."""
    wanted = f"≤ {limit:g} {unit}"
    if seen is None:
        return ValidityCheck(name, wanted, "not known", absent, advice)
    return ValidityCheck(name, wanted, form.format(seen), "ok" if seen <= limit else "failed", advice)


def worst(record: Record, value: Callable[[Vitals], float | None]) -> float | None:
    """The highest value among the generator's processes; None if no process has one."""
    values = (value(process) for process in record.generator.vitals)
    return max((each for each in values if each is not None), default=None)
