"""Latency and error objectives of routes and of asynchronous chains, read from a TOML file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from likestorm.errors import UsageError


class ObjectivesError(UsageError):
    """An unusable file of objectives; the message names the file, the table and the key."""


@dataclass(frozen=True)
class Objective:
    """The objective of a route: `percentile` (0-100) within `seconds`, and at most `error_ratio` (0-1) failures."""

    name: str
    route: str
    percentile: float
    seconds: float
    error_ratio: float


@dataclass(frozen=True)
class ChainObjective:
    """The objective of a chain: `percentile` (0-100) of its effects within `seconds` of the acknowledged request."""

    name: str
    chain: str
    percentile: float
    seconds: float


@dataclass(frozen=True)
class Objectives:
    """All objectives of a file, by name."""

    routes: dict[str, Objective]
    chains: dict[str, ChainObjective]


class _Table(Struct, frozen=True, forbid_unknown_fields=True):
    percentile: Annotated[float, Meta(gt=0, lt=100)]
    seconds: Annotated[float, Meta(gt=0, lt=3600)]
    route: str | None = None
    chain: str | None = None
    error_ratio: Annotated[float, Meta(gt=0, lt=1)] | None = None


def load(path: Path) -> Objectives:
    """Read a file of objectives: tables with `route` and `error_ratio`, or with `chain`."""
    try:
        tables = msgspec.toml.decode(path.read_bytes(), type=dict[str, _Table])
    except (OSError, msgspec.MsgspecError) as error:
        raise ObjectivesError(f"{path.name}: {error}") from error
    routes, chains = {}, {}
    for name, table in tables.items():
        if table.route is not None and table.chain is None and table.error_ratio is not None:
            routes[name] = Objective(name, table.route, table.percentile, table.seconds, table.error_ratio)
        elif table.chain is not None and table.route is None and table.error_ratio is None:
            chains[name] = ChainObjective(name, table.chain, table.percentile, table.seconds)
        else:
            raise ObjectivesError(f"{path.name}: [{name}] needs either route and error_ratio, or chain")
    return Objectives(routes, chains)
