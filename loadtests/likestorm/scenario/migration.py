"""Scenario files of earlier versions, in the words of this one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from likestorm.scenario.content import table
from likestorm.scenario.project import Project
from likestorm.scenario.toml_lines import Path

DATA = "data"
"""A table of its own once; now it belongs to the target."""


def migrate(content: Mapping[str, Any], project: Project) -> dict[str, Any]:
    """The content with a [target] of the project where it has none, and its [data] in there."""
    migrated = {key: value for key, value in content.items() if value is not None}
    if "target" not in migrated and project.target:
        migrated["target"] = {"python": project.target}
    target = table(migrated.get("target"))
    if DATA in migrated and target.get("python"):
        migrated["target"] = {**target, DATA: migrated.pop(DATA)}
    return migrated


def settled(content: Mapping[str, Any]) -> dict[str, Any]:
    """A saved scenario's content, whose target's settings already stand by themselves, as a file would have them."""
    target = dict(table(content.get("target")))
    return {**content, "target": {**target.pop("settings", {}), **target}}


def written(path: Path, known: Mapping[Path, int]) -> Path:
    """Where a value of the migrated content stands in the file, whose keys are `known`."""
    moved = path[:2] == ("target", DATA) and ("target", DATA) not in known
    return (DATA, *path[2:]) if moved else path
