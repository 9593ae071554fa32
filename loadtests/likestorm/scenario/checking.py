"""Checks the content of a TOML file against a type and finds all problems, each with its place."""

import difflib
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import inspect

from likestorm.scenario.toml_lines import Path

_WHERE = re.compile(r" - at `.*`$")
_BOUNDS = (("gt", "above"), ("ge", "from"), ("lt", "below"), ("le", "up to"))


@dataclass(frozen=True)
class Problem:
    """A problem at a place in a file."""

    path: Path
    message: str


def check(content: Any, kind: Any, path: Path = ()) -> list[Problem]:
    """All problems of content that must be of a type (a msgspec Struct, or any type that msgspec supports)."""
    return list(_check(content, inspect.type_info(kind), path))


def say(path: Path) -> str:
    """A path as text, such as budgets.rates[2].at_least; items count from 1."""
    text = ""
    for key in path:
        text += f"[{key + 1}]" if isinstance(key, int) else f".{key}" if text else key
    return text


def suggest(name: str, known: Iterable[str], words: str) -> str:
    """Advice on an unknown name: the nearest known name, or all known names."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"{words} {', '.join(names) or 'none'}"


def _check(value: Any, kind: inspect.Type, path: Path) -> Iterator[Problem]:
    if isinstance(kind, inspect.Metadata):
        yield from _check(value, kind.type, path)
    elif isinstance(kind, inspect.UnionType):
        yield from _check(value, _choose(value, kind), path)
    elif isinstance(kind, inspect.StructType):
        yield from _check_struct(value, kind, path)
    elif isinstance(kind, inspect.DictType):
        yield from _check_items(value, kind, kind.value_type, path)
    elif isinstance(kind, inspect.ListType):
        yield from _check_items(value, kind, kind.item_type, path)
    elif isinstance(kind, inspect.TupleType):
        yield from _check_tuple(value, kind, path)
    elif (wanted := _wanted(value, kind)) is not None:
        yield Problem(path, f"{say(path)} must be {wanted}, not {_shown(value)}")


def _choose(value: Any, kind: inspect.UnionType) -> inspect.Type:
    """The alternative that fits a value, or the first one that is not None."""
    others = [each for each in kind.types if not isinstance(each, inspect.NoneType)]
    return next((each for each in others if not list(_check(value, each, ()))), others[0])


def _check_struct(value: Any, kind: inspect.StructType, path: Path) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield Problem(path, f"{say(path)} must be a table, not {_shown(value)}")
        return
    fields = {each.encode_name: each for each in kind.fields}
    found = [
        Problem((*path, key), f"unknown key {say((*path, key))}; {suggest(key, fields, 'known here:')}")
        for key in value
        if key not in fields
    ]
    found += [
        Problem(path, f"{say((*path, name))} is missing")
        for name, each in fields.items()
        if each.required and name not in value
    ]
    for name, each in fields.items():
        if name in value:
            found += _check(value[name], each.type, (*path, name))
    yield from found or _convert(value, kind.cls, path)


def _convert(value: Any, kind: type, path: Path) -> Iterator[Problem]:
    """Problems that the type finds in a table whose single values are all right."""
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        yield Problem(path, f"{say(path) or 'the file'}: {_WHERE.sub('', str(error))}")


def _check_items(
    value: Any, kind: inspect.DictType | inspect.ListType, item: inspect.Type, path: Path
) -> Iterator[Problem]:
    is_table = isinstance(kind, inspect.DictType)
    if not isinstance(value, dict if is_table else list):
        yield Problem(path, f"{say(path)} must be {'a table' if is_table else 'a list'}, not {_shown(value)}")
        return
    if kind.min_length and len(value) < kind.min_length:
        yield Problem(path, f"{say(path)} must have at least {kind.min_length} in it")
    if kind.max_length is not None and len(value) > kind.max_length:
        yield Problem(path, f"{say(path)} must have at most {kind.max_length} in it")
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        yield from _check(each, item, (*path, key))


def _check_tuple(value: Any, kind: inspect.TupleType, path: Path) -> Iterator[Problem]:
    length = len(kind.item_types)
    if not isinstance(value, list) or len(value) != length:
        yield Problem(path, f"{say(path)} must be a list of {length}, not {_shown(value)}")
        return
    for index, (each, item) in enumerate(zip(value, kind.item_types, strict=True)):
        yield from _check(each, item, (*path, index))


def _wanted(value: Any, kind: inspect.Type) -> str | None:
    """What a single value must be; None if it is."""
    if isinstance(kind, inspect.LiteralType | inspect.EnumType):
        values = kind.values if isinstance(kind, inspect.LiteralType) else tuple(each.value for each in kind.cls)
        return None if value in values else f"one of {', '.join(sorted(map(str, values)))}"
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        return _wanted_number(value, kind)
    if isinstance(kind, inspect.StrType):
        fits = isinstance(value, str) and len(value) >= (kind.min_length or 0)
        fits = fits and (kind.pattern is None or re.search(kind.pattern, value) is not None)
        return None if fits else "a string" + (f" like {kind.pattern}" if kind.pattern else "")
    if isinstance(kind, inspect.BoolType):
        return None if isinstance(value, bool) else "true or false"
    return None


def _wanted_number(value: Any, kind: inspect.IntType | inspect.FloatType) -> str | None:
    allowed = int if isinstance(kind, inspect.IntType) else int | float
    tests: Mapping[str, Any] = {
        "gt": lambda bound: value > bound,
        "ge": lambda bound: value >= bound,
        "lt": lambda bound: value < bound,
        "le": lambda bound: value <= bound,
    }
    bounds = [(name, word, getattr(kind, name)) for name, word in _BOUNDS if getattr(kind, name) is not None]
    is_number = isinstance(value, allowed) and not isinstance(value, bool) and math.isfinite(value)
    if is_number and all(tests[name](bound) for name, _, bound in bounds):
        return None
    said = " and ".join(f"{word} {bound:g}" for _, word, bound in bounds)
    return f"{'a whole number' if allowed is int else 'a number'} {said}".rstrip()


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    return "true" if value is True else "false" if value is False else repr(value)
