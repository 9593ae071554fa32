"""What the target and those who watch it say of a run: scrapes, panels, ledger, hops, values, errors: frozen data."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ScrapeTarget:
    """How completely one target was scraped: `longest_gap_s` without a sample, `down_s` with up == 0, in seconds.

    interval_s: how often it was to be scraped.
    """

    job: str
    instance: str
    samples: int
    longest_gap_s: float
    down_s: float
    interval_s: int = 1


@dataclass(frozen=True)
class Series:
    """Values over time of one labelled series: `times` in seconds since the window's start."""

    labels: dict[str, str]
    times: list[float]
    values: list[float | None]


@dataclass(frozen=True)
class PanelData:
    """What one panel showed in the window, and how to draw it; an empty `series` means that the query gave nothing.

    panel: its id. unit: a Grafana unit id. legend: a Grafana legend, `{{label}}` for a label's value. thresholds: pairs
    of value and label. adds_up: the sum of the series means something. part: the label that names a part of the
    target, where the series are CPU cores by part. Older records have id, query and series only.
    """

    panel: str
    query: str
    series: list[Series]
    title: str = ""
    question: str = ""
    unit: str = "short"
    legend: str = ""
    thresholds: list[tuple[float, str]] = field(default_factory=list)
    adds_up: bool = False
    part: str = ""


@dataclass(frozen=True)
class LedgerEntry:
    """One set of effects: acknowledged to clients against stored.

    lost = acknowledged − stored, phantom = stored − attempted, indeterminate = attempted without an answer;
    residual = lost + phantom. examples: up to five ids of each kind.
    """

    name: str
    attempted: int
    acknowledged: int
    stored: int
    lost: int
    phantom: int
    indeterminate: int
    residual: int
    examples: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class HopCount:
    """How many of the run's requests one hop counted; None where it could not be asked, and `problem` says why."""

    hop: str
    count: int | None
    problem: str = ""


@dataclass(frozen=True)
class Hops:
    """The requests of the whole run, warm-up included, as each hop counted them.

    answered: to clients, without an error. unsure: failed or never answered, which a hop may have counted or not.
    repeated: sent once more from one hop to the next, which a later hop counts twice.
    """

    answered: int
    unsure: int
    repeated: int
    counts: list[HopCount]


@dataclass(frozen=True)
class PromqlValue:
    """What a budget's PromQL gave: one value, or one a tenth of the window; `problem` says why there is none."""

    budget: str
    query: str
    values: list[float]
    problem: str = ""


@dataclass(frozen=True)
class ChainEffects:
    """The effects of one asynchronous chain that came about within the window.

    buckets: upper bound in seconds and how many effects took at most as long, bounds ascending; None is no bound.
    """

    name: str
    buckets: list[tuple[float | None, int]]

    @property
    def count(self) -> int:
        """All effects."""
        return self.buckets[-1][1] if self.buckets else 0


@dataclass(frozen=True)
class ErrorGroup:
    """Errors of one kind that the service reported to its error tracker within the run."""

    kind: str
    message: str
    where: str
    count: int
