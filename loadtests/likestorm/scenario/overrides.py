"""Values that replace a scenario file's own: `--set target.topology=2011`."""

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from likestorm.errors import UsageError
from likestorm.scenario.content import table
from likestorm.scenario.migration import renamed

Key = tuple[str, ...]


def parse(settings: Sequence[str]) -> dict[Key, str]:
    """Values by key, from `key.key=value`; UsageError names a malformed setting."""
    found = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        parts = tuple(key.split("."))
        if not equals or not all(parts):
            raise UsageError(f"--set {setting}: must be KEY=VALUE, such as target.url=http://127.0.0.1:8080")
        found[renamed(parts)] = value
    return found


def apply(content: Mapping[str, Any], given: Mapping[Key, str], *, as_text: bool = False) -> dict[str, Any]:
    """The content with these values, parsed as TOML or as plain text."""
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
