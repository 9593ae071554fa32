"""Scenario files of earlier versions in the format of this version."""

from collections.abc import Mapping
from typing import Any

from likestorm.scenario.content import table
from likestorm.scenario.project import Project
from likestorm.scenario.toml_lines import Path

DATA = "data"
"""Earlier a top-level table, now a part of the target."""
RENAMED = {"lateness_max_s": "queue_timeout_s"}


def migrate(content: Mapping[str, Any], project: Project) -> dict[str, Any]:
    """The content with today's keys, and with the project's target for a file without [target]."""
    present = {key: value for key, value in content.items() if value is not None}
    migrated = {key if _new(key) in present else _new(key): value for key, value in present.items()}
    if "target" not in migrated and project.target:
        migrated["target"] = {"python": project.target}
    module, colon, name = str(migrated.get("users", "")).partition(":")
    if module in project.moved_modules:
        migrated["users"] = f"{project.moved_modules[module]}{colon}{name}"
    target = table(migrated.get("target"))
    if DATA in migrated and target.get("python"):
        migrated["target"] = {**target, DATA: migrated.pop(DATA)}
    return migrated


def _new(key: str) -> str:
    return RENAMED.get(key, key)


def renamed(path: tuple[str, ...]) -> tuple[str, ...]:
    """The present name of a key in a `--set` option."""
    return (_new(path[0]), *path[1:])


def settled(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a saved scenario with the target's settings where a file has them."""
    target = dict(table(content.get("target")))
    return {**content, "target": {**target.pop("settings", {}), **target}}


def written(path: Path, known: Mapping[Path, int]) -> Path:
    """The place in the file of a value in the migrated content; `known` has the file's keys."""
    if path[:2] == ("target", DATA) and path[:2] not in known:
        return (DATA, *path[2:])
    old = {new: old for old, new in RENAMED.items()}
    if path and path[:1] not in known and path[0] in old:
        return (old[str(path[0])], *path[1:])
    return path
