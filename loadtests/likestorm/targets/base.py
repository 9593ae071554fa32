"""The interface of a target: what a scenario's `[target] python = "module:Class"` must name."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar, Protocol

from msgspec import Struct

from likestorm.results.running import Running

OnPhase = Callable[[str], None]
"""Receives what happens next, in a few words."""


class Target(Protocol):
    """A system under test that a run can bring up, and takes down again.

    The class is called with its settings (the keys of [target], as an instance of `Settings`) and the scenario's seed.
    objectives: the TOML file of the promises that a scenario's budgets may name; None without one.
    """

    Settings: ClassVar[type[Struct]]
    objectives: ClassVar[Path | None]

    def up(self, out: Path, on_phase: OnPhase) -> AbstractContextManager[Running]:
        """The target, up and filled with data for the length of the block; its logs are then in the folder `out`."""

    def kept(self) -> AbstractContextManager[object]:
        """Keeps the target up across several `up` blocks, each of which fills it anew."""
