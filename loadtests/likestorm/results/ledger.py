"""The ledger: effects acknowledged to clients against effects stored by the target, compared as sets."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from likestorm.results.record.target import LedgerEntry

EXAMPLES = 5


@dataclass
class Journal:
    """The clients' view of one set of effects: ids attempted, acknowledged, and certainly not stored (declined)."""

    attempted: set[str] = field(default_factory=set)
    acknowledged: set[str] = field(default_factory=set)
    declined: set[str] = field(default_factory=set)

    @property
    def indeterminate(self) -> set[str]:
        """Attempted ids without an answer that tells whether the effect was stored."""
        return self.attempted - self.acknowledged - self.declined


def reconcile(journals: Mapping[str, Journal], stored: Mapping[str, Iterable[str]]) -> list[LedgerEntry]:
    """One entry for each journal; `stored` has the ids that the target stored since the run began, by journal.

    Every repeated id counts as a phantom. KeyError for a journal that `stored` lacks.
    """
    return [_entry(name, journal, list(stored[name])) for name, journal in sorted(journals.items())]


def _entry(name: str, journal: Journal, listed: list[str]) -> LedgerEntry:
    stored = set(listed)
    repeats = Counter(listed)
    repeats.subtract(stored)
    lost, phantom = journal.acknowledged - stored, [*(stored - journal.attempted), *repeats.elements()]
    kinds = {"lost": lost, "phantom": phantom, "indeterminate": journal.indeterminate}
    return LedgerEntry(
        name=name, attempted=len(journal.attempted), acknowledged=len(journal.acknowledged), stored=len(listed),
        lost=len(lost), phantom=len(phantom), indeterminate=len(journal.indeterminate),
        residual=len(lost) + len(phantom),
        examples={kind: sorted(ids)[:EXAMPLES] for kind, ids in kinds.items() if ids},
    )  # fmt: skip
