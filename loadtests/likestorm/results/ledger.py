"""What was acknowledged to clients against what is stored, compared as sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from likestorm.results.record.target import LedgerEntry

EXAMPLES = 5


@dataclass
class Journal:
    """What clients know of one set of effects: ids that were attempted, acknowledged, or surely not stored."""

    attempted: set[str] = field(default_factory=set)
    acknowledged: set[str] = field(default_factory=set)
    declined: set[str] = field(default_factory=set)

    @property
    def indeterminate(self) -> set[str]:
        """Attempted, and then no answer that tells whether it was stored."""
        return self.attempted - self.acknowledged - self.declined


def reconcile(journals: Mapping[str, Journal], stored: Mapping[str, Iterable[str]]) -> list[LedgerEntry]:
    """One entry a journal; `stored` has the ids that the target stored since the run began, by the same names.

    An id that the target stored more than once is a phantom for each time beyond the first. Raises KeyError for a
    journal that the target's audit says nothing about.
    """
    return [_entry(name, journal, list(stored[name])) for name, journal in sorted(journals.items())]


def _entry(name: str, journal: Journal, listed: list[str]) -> LedgerEntry:
    stored = set(listed)
    lost = journal.acknowledged - stored
    repeats = Counter(listed)
    repeats.subtract(stored)
    phantom = [*(stored - journal.attempted), *repeats.elements()]
    kinds = {"lost": lost, "phantom": phantom, "indeterminate": journal.indeterminate}
    return LedgerEntry(
        name=name,
        attempted=len(journal.attempted),
        acknowledged=len(journal.acknowledged),
        stored=len(listed),
        lost=len(lost),
        phantom=len(phantom),
        indeterminate=len(journal.indeterminate),
        residual=len(lost) + len(phantom),
        examples={kind: sorted(ids)[:EXAMPLES] for kind, ids in kinds.items() if ids},
    )
