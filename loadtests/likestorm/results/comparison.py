"""The result of a comparison between a baseline and a candidate: frozen data, stored as versioned JSON."""

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
    """The change of one outcome measure, as a fraction of the baseline (failures: difference of the shares).

    primary: whether the measure decides. base, candidate: medians over the blocks. low, high: the 95 % interval.
    p: one-sided, against "at most the allowed change". p_adjusted: by Holm's procedure over the primary measures.
    detectable: the smallest detectable change with each power of POWERS. spread: standard deviation of the paired
    differences (of logarithms, except for failures). None: the sample is too small, or the value lies among arrivals
    that never completed.
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
        """The name in reports, such as `like p50`."""
        return name(self.what, self.percentile)


@dataclass(frozen=True)
class Tier:
    """The time of one request in one tier: mean ms, and share of the response time."""

    tier: str
    base_ms: float
    candidate_ms: float
    base_share: float
    candidate_share: float


@dataclass(frozen=True)
class Slower:
    """The attribution of one request's regression, by the Server-Timing headers of both sides.

    percentile: the lowest one that became slower. At the median, answers around the median are compared, otherwise slow
    answers. tier: the tier with the largest increase, None if unknown. cause: the same in words. tiers: all tiers with
    an increase, the largest first.
    """

    what: str
    percentile: float
    tier: str | None
    cause: str
    tiers: list[Tier]

    @property
    def name(self) -> str:
        """The name in reports, such as `like p50`."""
        return name(self.what, self.percentile)


@dataclass(frozen=True)
class Comparison:
    """A whole comparison with its decision.

    base, candidate: the folders of the runs. revisions: the project's revision on each side. pairs: 0 if the runs are
    not interleaved. allowed: the largest change that is no regression, as a fraction.
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
    """Requests that became slower and have Server-Timing headers on both sides."""


def save(comparison: Comparison, path: Path) -> None:
    """Write the comparison as indented JSON, whole or not at all."""
    write_whole(path, msgspec.json.format(msgspec.json.encode(comparison), indent=1) + b"\n")


def load(path: Path) -> Comparison:
    """Read a comparison from its file or folder; RecordError names the file and the problem."""
    file = path / FILE if path.is_dir() else path
    try:
        found = msgspec.json.decode(file.read_bytes(), type=Comparison)
    except (OSError, msgspec.MsgspecError) as error:
        raise RecordError(f"{file}: {error}") from error
    if found.schema != SCHEMA:
        raise RecordError(f"{file}: schema {found.schema}, this version reads {SCHEMA}")
    return found


def name(what: str, percentile: float | None) -> str:
    """The name of an outcome measure, such as `like p50`."""
    return f"{what}, not completed" if percentile is None else f"{what} p{percentile:g}"


def say_value(change: Change, value: float | None) -> str:
    """A median over the blocks with its unit."""
    return quantity(value, "ratio" if change.kind == "failures" else "ms")


def say_difference(change: Change, value: float | None) -> str:
    """A change with its sign, such as `+12.3 %`; failures in percentage points."""
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
    """A configured share, such as `5 %`."""
    return f"{exact(share * 100)} %"
