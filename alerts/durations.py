"""Durations as Prometheus writes them, and rules that live by other ones."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

# In an expression only a duration has such a unit, unless it is part of a name.
DURATION = re.compile(r"(?<![\w:.])(\d+)(ms|s|m|h|d)(?![\w:])")
_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_QUOTED = re.compile(r'("[^"]*")')


def scale(text: str, factor: float) -> str:
    """The text with every duration outside quotes times `factor`, in whole milliseconds; ValueError below one."""
    pieces = _QUOTED.split(text)
    pieces[::2] = [DURATION.sub(lambda found: _text(_milliseconds(found) * factor), piece) for piece in pieces[::2]]
    return "".join(pieces)


def _milliseconds(found: re.Match[str]) -> int:
    return int(found[1]) * _MS[found[2]]


def _text(milliseconds: float) -> str:
    """In the largest unit that gives a whole number."""
    whole = round(milliseconds)
    if whole < 1:
        raise ValueError(f"a duration of {milliseconds} ms is none")
    unit = next(unit for unit in ("d", "h", "m", "s", "ms") if whole % _MS[unit] == 0)
    return f"{whole // _MS[unit]}{unit}"


def scale_rules(document: Mapping[str, Sequence[Mapping[str, Any]]], factor: float) -> dict[str, Any]:
    """A rules file's content with every duration in it times `factor`: windows, offsets, pauses, intervals."""
    return {"groups": [_scale_group(group, factor) for group in document["groups"]]}


def _scale_group(group: Mapping[str, Any], factor: float) -> dict[str, Any]:
    rules = [
        {key: scale(value, factor) if key in ("expr", "for") else value for key, value in rule.items()}
        for rule in group["rules"]
    ]
    return {key: scale(value, factor) if key == "interval" else value for key, value in group.items()} | {
        "rules": rules
    }
