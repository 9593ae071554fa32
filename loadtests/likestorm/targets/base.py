"""The interface of a target class, which a scenario names as `[target] python = "module:Class"`."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar, Protocol

from msgspec import Struct

from likestorm.results.running import Running

OnPhase = Callable[[str], None]
"""Receives a description of the next phase in a few words."""


class Target(Protocol):
    """A system under test that a run starts and stops.

    The constructor takes an instance of `Settings`, which are the keys of [target], and the scenario's seed.
    objectives: the TOML file of the objectives that a scenario's budgets can name; None without one.
    """

    Settings: ClassVar[type[Struct]]
    objectives: ClassVar[Path | None]

    def up(self, out: Path, on_phase: OnPhase) -> AbstractContextManager[Running]:
        """Starts and seeds the target for the duration of the block, and leaves its logs in the folder `out`."""

    def kept(self) -> AbstractContextManager[object]:
        """Keeps the target up for several `up` blocks, each of which seeds it again."""
