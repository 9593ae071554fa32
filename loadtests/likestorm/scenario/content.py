"""What a TOML file holds, looked at without trust: what is not of the kind that is asked for is passed over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from likestorm.scenario.toml_lines import Path


def tables(content: Any, *keys: str) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The tables in the table or list of that name, each with its place."""
    found = content
    for key in keys:
        found = table(found).get(key)
    if isinstance(found, list):
        found = dict(enumerate(found))
    for key, each in table(found).items():
        if isinstance(each, dict):
            yield (*keys, key), each


def texts(value: Any) -> Iterator[tuple[int, str]]:
    """The texts of a list, each with its place."""
    items = enumerate(value) if isinstance(value, list) else ()
    yield from ((index, each) for index, each in items if isinstance(each, str))


def table(value: Any) -> Mapping[Any, Any]:
    """A table, empty in place of anything else."""
    return value if isinstance(value, dict) else {}


def is_number(value: Any) -> bool:
    """Whether this is a number; to Python, true is one."""
    return isinstance(value, int | float) and not isinstance(value, bool)
