"""Templates of configuration files."""

import string
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent


class _Template(string.Template):
    """Fields are @{name}: nginx uses dollars."""

    delimiter = "@"


def fill(template: str, values: Mapping[str, object]) -> str:
    """The text of a template below compose/ with its fields filled; KeyError names a field without a value."""
    return _Template((HERE / template).read_text()).substitute(values)
