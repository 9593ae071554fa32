"""Access to the content of a TOML file before it is checked: values of a wrong type are skipped."""

from collections.abc import Iterator, Mapping
from typing import Any

from likestorm.scenario.toml_lines import Path


def tables(content: Any, *keys: str) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The tables in a table or list of tables, each with its path."""
    found = content
    for key in keys:
        found = table(found).get(key)
    if isinstance(found, list):
        found = dict(enumerate(found))
    for key, each in table(found).items():
        if isinstance(each, dict):
            yield (*keys, key), each


def texts(value: Any) -> Iterator[tuple[int, str]]:
    """The strings in a list, each with its index."""
    items = enumerate(value) if isinstance(value, list) else ()
    yield from ((index, each) for index, each in items if isinstance(each, str))


def table(value: Any) -> Mapping[Any, Any]:
    """A table; an empty one for any other value."""
    return value if isinstance(value, dict) else {}


def is_number(value: Any) -> bool:
    """Whether a value is a number; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)
