"""Configuration files with places for a stack's values."""

import string
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent


class _Template(string.Template):
    """@{name}: dollars belong to nginx."""

    delimiter = "@"


def fill(template: str, values: Mapping[str, object]) -> str:
    """The text of a file below compose/, its @{name}s filled; KeyError names one that has no value."""
    return _Template((HERE / template).read_text()).substitute(values)
