"""What the current directory says of itself: `[tool.likestorm]` in its pyproject.toml."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from likestorm.errors import UsageError

FILE = Path("pyproject.toml")


class Project(Struct, frozen=True, forbid_unknown_fields=True):
    """scenarios: folder whose TOML files go by name. scenario: name of the default one.

    target: "module:Class" that scenarios without a [target] are for.
    """

    scenarios: str = ""
    scenario: str = ""
    target: str = ""


class _Tool(Struct, frozen=True):
    likestorm: Project = Project()


class _File(Struct, frozen=True):
    tool: _Tool = _Tool()


def read() -> Project:
    """The table of the current directory's pyproject.toml; an empty one where there is none."""
    try:
        return msgspec.toml.decode(FILE.read_bytes(), type=_File).tool.likestorm
    except OSError:
        return Project()
    except msgspec.MsgspecError as error:
        raise UsageError(f"{FILE}: [tool.likestorm]: {error}") from error
