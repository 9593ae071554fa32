"""The target class that a scenario names, as far as scenarios depend on it."""

import importlib
from pathlib import Path
from typing import Any, ClassVar, Protocol

from msgspec import Struct

from likestorm.scenario.objectives import Objectives, load


class TargetClass(Protocol):
    """Settings: the keys of [target] beside `python`. objectives: the file of the objectives that budgets can name."""

    Settings: ClassVar[type[Struct]]
    objectives: ClassVar[Path | None]


class TargetClassError(Exception):
    """A class that cannot be loaded; the message has the reason."""


def load_class(reference: str) -> Any:
    """Import the class "module:Class"; TargetClassError."""
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
    """The objectives of a target; empty without a file."""
    if target is None or target.objectives is None:
        return Objectives({}, {})
    return load(target.objectives)
