"""What a comparison of a baseline with a candidate found: frozen data, stored as versioned JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from likestorm.files import write_whole
from likestorm.results.record.document import RecordError
from likestorm.results.record.verdict import EXIT_CODES
from likestorm.units import exact, number, quantity

SCHEMA = 1
POWERS = (0.80, 0.95)
FILE = "comparison.json"

Kind = Literal["request", "arrival", "failures"]
Finding = Literal["worse", "held", "unclear"]
Status = Literal["held", "regression", "invalid", "unclear"]
STATUS_CODES: dict[Status, int] = {
    "held": EXIT_CODES["pass"],
    "unclear": EXIT_CODES["inconclusive"],
    "invalid": EXIT_CODES["invalid"],
    "regression": EXIT_CODES["breach"],
}


@dataclass(frozen=True)
class Change:
    """What became of one endpoint, as a fraction of the baseline (of failures: the difference of the shares).

    primary: whether it takes part in the decision. base, candidate: medians over the blocks. low, high: the 95 %
    interval. p: one-sided, against 'at most what is allowed'; p_adjusted: by Holm, over the primary endpoints.
    detectable: the smallest change that would have been shown, with each power of POWERS. spread: standard deviation
    of the paired differences (of logarithms, except of failures). What the sample does not bear, or lies among
    arrivals that never completed, is None.
    """

    what: str
    kind: Kind
    percentile: float | None
    primary: bool
    base: float | None
    candidate: float | None
    estimate: float | None
    low: float | None
    high: float | None
    p: float | None
    p_adjusted: float | None
    detectable: list[float | None]
    spread: float | None
    finding: Finding

    @property
    def name(self) -> str:
        """As a reader finds it, such as `like p50`."""
        return name(self.what, self.percentile)


@dataclass(frozen=True)
class Tier:
    """How long answers of one request were in one tier, ms on average and as a share of the response time."""

    tier: str
    base_ms: float
    candidate_ms: float
    base_share: float
    candidate_share: float


@dataclass(frozen=True)
class Slower:
    """Where a request that became slower lost its time, by what the target told on both sides.

    percentile: the lowest at which it did; of the median it is the answers around it that are compared, of any other
    those that are slow. tier: which grew most, None where that is not known; cause: that in words. tiers: all that
    grew, most first.
    """

    what: str
    percentile: float
    tier: str | None
    cause: str
    tiers: list[Tier]

    @property
    def name(self) -> str:
        """As a reader finds it, such as `like p50`."""
        return name(self.what, self.percentile)


@dataclass(frozen=True)
class Comparison:
    """A whole comparison: what was compared, what changed, and what follows.

    base, candidate: the folders of the runs. revisions: of the project, in each side's environment. pairs: 0 where the
    runs were not interleaved. allowed: the change that is no regression yet, a fraction.
    """

    schema: int
    scenario: str
    base: list[str]
    candidate: list[str]
    revisions: tuple[str, str]
    pairs: int
    allowed: float
    changes: list[Change]
    warnings: list[str]
    status: Status
    exit_code: int
    reason: str
    slower: list[Slower] = field(default_factory=list)
    """Requests that became slower, as far as both sides told where their time went."""


def save(comparison: Comparison, path: Path) -> None:
    """Write the comparison as indented JSON, whole or not at all."""
    write_whole(path, msgspec.json.format(msgspec.json.encode(comparison), indent=1) + b"\n")


def load(path: Path) -> Comparison:
    """Read a comparison from its file or its folder; RecordError says what is wrong with it."""
    file = path / FILE if path.is_dir() else path
    try:
        found = msgspec.json.decode(file.read_bytes(), type=Comparison)
    except (OSError, msgspec.MsgspecError) as error:
        raise RecordError(f"{file}: {error}") from error
    if found.schema != SCHEMA:
        raise RecordError(f"{file}: schema {found.schema}, this version reads {SCHEMA}")
    return found


def name(what: str, percentile: float | None) -> str:
    """An endpoint as a reader finds it, such as `like p50`."""
    return f"{what}, not completed" if percentile is None else f"{what} p{percentile:g}"


def say_value(change: Change, value: float | None) -> str:
    """A block's typical value with its unit."""
    return quantity(value, "ratio" if change.kind == "failures" else "ms")


def say_difference(change: Change, value: float | None) -> str:
    """A change with its sign, such as `+12.3 %`; of failures in percentage points."""
    if value is None:
        return "?"
    sign = "+" if value >= 0 else "−"
    if change.kind == "failures":
        return f"{sign}{number(abs(value) * 100)} points"
    return f"{sign}{abs(value) * 100:.1f} %"


def say_interval(change: Change) -> str:
    """The change with its 95 % interval."""
    estimate, low, high = (say_difference(change, each) for each in (change.estimate, change.low, change.high))
    return f"{estimate} ({low} to {high})"


def say_share(share: float) -> str:
    """A share that somebody chose, such as `5 %`."""
    return f"{exact(share * 100)} %"
