"""The service's latency and error objectives, read from objectives.toml."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

PATH = Path(__file__).with_name("objectives.toml")


class ObjectivesError(Exception):
    """objectives.toml does not say what an objective needs."""


@dataclass(frozen=True)
class Objective:
    """One route's promise: `percentile` (0-100) within `seconds`, and at most `error_ratio` (0-1) failures."""

    name: str
    route: str
    percentile: float
    seconds: float
    error_ratio: float


def load(path: Path = PATH) -> dict[str, Objective]:
    """All objectives by name; ObjectivesError names the table and the key that is wrong."""
    tables = tomllib.loads(path.read_text())
    return {name: _objective(name, table, path) for name, table in tables.items()}


def _objective(name: str, table: dict[str, object], path: Path) -> Objective:
    wanted = {"route", "percentile", "seconds", "error_ratio"}
    if not isinstance(table, dict) or set(table) != wanted:
        raise ObjectivesError(f"{path.name}: [{name}] must have exactly {', '.join(sorted(wanted))}")
    numbers: dict[str, float] = {}
    for key, low, high in (("percentile", 0, 100), ("seconds", 0, 3600), ("error_ratio", 0, 1)):
        value = table[key]
        if not isinstance(value, int | float) or isinstance(value, bool) or not low < value < high:
            raise ObjectivesError(
                f"{path.name}: [{name}] {key} must be a number between {low} and {high}, not {value!r}"
            )
        numbers[key] = float(value)
    return Objective(name=name, route=str(table["route"]), **numbers)
