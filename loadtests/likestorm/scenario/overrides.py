"""Values in place of a scenario file's own: `--set target.topology=2011`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from likestorm.errors import UsageError
from likestorm.scenario.content import table

Key = tuple[str, ...]


def parse(settings: Sequence[str]) -> dict[Key, str]:
    """The text of each value by its key, from `key.key=value`; UsageError names one that has no such form."""
    found = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        parts = tuple(key.split("."))
        if not equals or not all(parts):
            raise UsageError(f"--set {setting}: must be KEY=VALUE, such as target.url=http://127.0.0.1:8080")
        found[parts] = value
    return found


def apply(content: Mapping[str, Any], given: Mapping[Key, str], *, as_text: bool = False) -> dict[str, Any]:
    """The content with these values, as TOML reads them, or as they are."""
    changed = dict(content)
    for key, text in given.items():
        _put(changed, key, text if as_text else _value(text))
    return changed


def _put(content: dict[str, Any], key: Key, value: Any) -> None:
    name, *rest = key
    if rest:
        inner = dict(table(content.get(name)))
        _put(inner, tuple(rest), value)
        value = inner
    content[name] = value


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
