"""Numbers as text: three significant digits, with their unit."""

import math
from collections.abc import Callable
from dataclasses import dataclass

DIGITS = 3
UNKNOWN = "not known"
NAMES = {"short": "", "reqps": "requests/s", "ops": "operations/s"}
"""The words of Grafana's unit ids without a factor."""


@dataclass(frozen=True)
class Scale:
    """How a unit is printed: the value times `factor`, then `label` (empty for plain counts)."""

    factor: float
    label: str


def scale(unit: str, largest: float) -> Scale:
    """The scale for values up to `largest`.

    unit: a Grafana id (s, ms, percentunit, bytes, Bps, reqps, ops, short, suffix:TEXT), `ratio`, or any other text,
    which is the label.
    """
    if unit in ("s", "ms"):
        seconds = 1.0 if unit == "s" else 1e-3
        return Scale(seconds, "s") if largest * seconds >= 10 else Scale(seconds * 1e3, "ms")
    if unit in ("percentunit", "ratio"):
        return Scale(100, "%")
    if unit == "bytes":
        return Scale(1e-9, "GB") if largest >= 1e9 else Scale(1e-6, "MB")
    if unit == "Bps":
        return Scale(1e-6, "MB/s")
    return Scale(1, NAMES.get(unit, unit.removeprefix("suffix:")))


def number(value: float) -> str:
    """A measured value: three significant digits, without exponent, with all digits before the point."""
    if not math.isfinite(value):
        return UNKNOWN
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(float(f"{abs(value):.{DIGITS - 1}e}")))
    return f"{value:,.{max(0, DIGITS - 1 - magnitude)}f}"


def exact(value: float) -> str:
    """A chosen value, such as a limit or a tick, with all its digits."""
    text = f"{value:,.9f}" if abs(value) < 1 else f"{value:,.4f}"
    return text.rstrip("0").rstrip(".")


def quantity(value: float | None, unit: str) -> str:
    """A measured value with its unit, such as `12.3 ms` or `0.512 %`; `not known` for None."""
    return _with_unit(value, unit, number)


def limit(value: float, unit: str) -> str:
    """A chosen value with its unit, such as `50 ms`."""
    return _with_unit(value, unit, exact)


def _with_unit(value: float | None, unit: str, say: Callable[[float], str]) -> str:
    if value is None or not math.isfinite(value):
        return UNKNOWN
    fitting = scale(unit, abs(value))
    return f"{say(value * fitting.factor)} {fitting.label}".rstrip()
