"""Settings of the current directory's project: `[tool.likestorm]` in its pyproject.toml."""

from pathlib import Path

import msgspec
from msgspec import Struct

from likestorm.errors import UsageError

FILE = Path("pyproject.toml")


class Project(Struct, frozen=True, forbid_unknown_fields=True):
    """scenarios: a folder whose TOML files can be named. scenario: the name of the default scenario.

    target: "module:Class", the default target of scenarios without [target]. moved_modules: modules of user classes by
    their earlier names, which older scenarios use.
    """

    scenarios: str = ""
    scenario: str = ""
    target: str = ""
    moved_modules: dict[str, str] = {}


class _Tool(Struct, frozen=True):
    likestorm: Project = Project()


class _File(Struct, frozen=True):
    tool: _Tool = _Tool()


def read() -> Project:
    """The project of the current directory; empty without a pyproject.toml."""
    try:
        return msgspec.toml.decode(FILE.read_bytes(), type=_File).tool.likestorm
    except OSError:
        return Project()
    except msgspec.MsgspecError as error:
        raise UsageError(f"{FILE}: [tool.likestorm]: {error}") from error
