"""A target whose audit fails, and that does not stop cleanly."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import ClassVar, NoReturn

from likestorm.errors import LikestormError
from likestorm.results.running import Running
from likestorm.targets.base import OnPhase
from msgspec import Struct


class Address(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the service runs."""

    address: str


class Broken:
    Settings: ClassVar[type[Struct]] = Address
    objectives: ClassVar[Path | None] = None

    def __init__(self, settings: Address, seed: int) -> None:
        self._url = settings.address

    @contextmanager
    def up(self, out: Path, on_phase: OnPhase) -> Iterator[Running]:
        yield _Running(self._url)
        raise LikestormError("a process does not end")

    def kept(self) -> AbstractContextManager[object]:
        return nullcontext()


class _Running(Running):
    def audit(self, since: datetime) -> NoReturn:
        raise ValueError("the database is gone")
