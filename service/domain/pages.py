"""Pages of lists that are read piece by piece."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

LONGEST_PAGE = 100

Item = TypeVar("Item")
Position = TypeVar("Position")


@dataclass(frozen=True)
class Page(Generic[Item, Position]):
    """Some items of a list; `next` is the position from which the following page is read, None on the last."""

    items: Sequence[Item]
    next: Position | None


def cut(items: Sequence[Item], limit: int, position: Callable[[Item], Position]) -> Page[Item, Position]:
    """A page of `limit` items out of those that were read; one more than that tells that another page follows."""
    shown = items[:limit]
    return Page(shown, position(shown[-1]) if len(items) > limit else None)
