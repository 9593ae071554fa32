"""Prometheus durations, and rules with all durations scaled."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

# In an expression only a duration ends with such a unit, except for parts of names.
DURATION = re.compile(r"(?<![\w:.])(\d+)(ms|s|m|h|d)(?![\w:])")
_MS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
_QUOTED = re.compile(r'("[^"]*")')


def scale(text: str, factor: float) -> str:
    """The text with every duration outside of quotes times `factor`, in whole milliseconds; ValueError below one."""

    def scaled(found: re.Match[str]) -> str:
        whole = round(int(found[1]) * _MS[found[2]] * factor)
        if whole < 1:
            raise ValueError(f"{found[0]} times {factor:g} is less than 1 ms")
        unit = next(unit for unit, size in _MS.items() if whole % size == 0)
        return f"{whole // _MS[unit]}{unit}"

    pieces = _QUOTED.split(text)
    pieces[::2] = [DURATION.sub(scaled, piece) for piece in pieces[::2]]
    return "".join(pieces)


def scale_rules(document: Mapping[str, Sequence[Mapping[str, Any]]], factor: float) -> dict[str, Any]:
    """A rules file's content with every duration times `factor`: windows, offsets, pauses, intervals."""

    def scaled(table: Mapping[str, Any]) -> dict[str, Any]:
        return {key: scale(each, factor) if key in ("expr", "for", "interval") else each for key, each in table.items()}

    return {"groups": [{**scaled(group), "rules": list(map(scaled, group["rules"]))} for group in document["groups"]]}
