"""The service's latency and error objectives, of routes and of asynchronous chains, read from objectives.toml."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

PATH = Path(__file__).with_name("objectives.toml")

_LIMITS = {"percentile": (0, 100), "seconds": (0, 3600), "error_ratio": (0, 1)}


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


@dataclass(frozen=True)
class ChainObjective:
    """One chain's promise: `percentile` (0-100) of its effects within `seconds` of the acknowledged request."""

    name: str
    chain: str
    percentile: float
    seconds: float


def load(path: Path = PATH) -> dict[str, Objective]:
    """The objectives of routes by name; ObjectivesError names the table and the key that is wrong."""
    tables = _tables(path)
    return {
        name: Objective(name, str(table["route"]), **_numbers(name, table, path))
        for name, table in tables.items()
        if "route" in table
    }


def load_chains(path: Path = PATH) -> dict[str, ChainObjective]:
    """The objectives of chains by name; ObjectivesError names the table and the key that is wrong."""
    tables = _tables(path)
    return {
        name: ChainObjective(name, str(table["chain"]), **_numbers(name, table, path))
        for name, table in tables.items()
        if "chain" in table
    }


def _tables(path: Path) -> dict[str, dict[str, object]]:
    """Every table of the file, each with exactly the keys of its kind."""
    kinds = ({"route", "percentile", "seconds", "error_ratio"}, {"chain", "percentile", "seconds"})
    tables = tomllib.loads(path.read_text())
    for name, table in tables.items():
        if not isinstance(table, dict) or set(table) not in kinds:
            wanted = "; or ".join(", ".join(sorted(keys)) for keys in kinds)
            raise ObjectivesError(f"{path.name}: [{name}] must have exactly {wanted}")
    return tables


def _numbers(name: str, table: dict[str, object], path: Path) -> dict[str, float]:
    numbers = {}
    for key, (low, high) in _LIMITS.items():
        value = table.get(key)
        if key not in table:
            continue
        if not isinstance(value, int | float) or isinstance(value, bool) or not low < value < high:
            raise ObjectivesError(
                f"{path.name}: [{name}] {key} must be a number between {low} and {high}, not {value!r}"
            )
        numbers[key] = float(value)
    return numbers
