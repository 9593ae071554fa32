"""The class that a scenario names as its target, as far as a scenario must know it."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, ClassVar, Protocol

from msgspec import Struct

from likestorm.scenario.objectives import Objectives, load


class TargetClass(Protocol):
    """Settings: the keys of [target] beside `python`. objectives: the file of the promises that budgets may name."""

    Settings: ClassVar[type[Struct]]
    objectives: ClassVar[Path | None]


class TargetClassError(Exception):
    """A class that cannot be loaded; the message says what was looked for."""


def load_class(reference: str) -> Any:
    """The class "module:Class", imported."""
    module, _, name = reference.partition(":")
    if not (module and name):
        raise TargetClassError(f"must be 'module:Class', not {reference!r}")
    try:
        found = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        raise TargetClassError(f"{reference!r}: there is no module {error.name!r}") from error
    except AttributeError as error:
        raise TargetClassError(f"module {module!r} has no class {name!r}") from error
    missing = [part for part in ("Settings", "objectives", "up") if not hasattr(found, part)]
    if missing:
        raise TargetClassError(f"{reference!r} is no target: it lacks {', '.join(missing)}")
    return found


def objectives_of(target: TargetClass | None) -> Objectives:
    """The promises of a target; none where it has no file of them."""
    if target is None or target.objectives is None:
        return Objectives({}, {})
    return load(target.objectives)
