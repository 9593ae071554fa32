"""What the target, its Prometheus and its error tracker report of a run: frozen data."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ScrapeTarget:
    """How completely Prometheus scraped one of its targets.

    longest_gap_s: the longest time without a sample. down_s: time with up == 0. interval_s: the configured interval.
    """

    job: str
    instance: str
    samples: int
    longest_gap_s: float
    down_s: float
    interval_s: int = 1


@dataclass(frozen=True)
class Series:
    """One labelled series over time; `times` are seconds since the start of the window."""

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
    """One set of effects: those acknowledged to clients against those stored.

    lost = acknowledged − stored. phantom = stored − attempted. indeterminate = attempted without a clear answer.
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
    """The number of requests that one hop counted; None where it is unknown, and `problem` says why."""

    hop: str
    count: int | None
    problem: str = ""


@dataclass(frozen=True)
class Reconciliation:
    """Request reconciliation: the requests of the whole run, warm-up included, by clients and by each hop.

    answered: answers to clients without an error. unsure: requests that failed or got no answer; a hop may or may not
    count them. repeated: retries between hops, which later hops count twice.
    """

    answered: int
    unsure: int
    repeated: int
    counts: list[HopCount]


@dataclass(frozen=True)
class PromqlValue:
    """The values of a budget's PromQL: one, or one for each tenth of the window; `problem` says why there are none."""

    budget: str
    query: str
    values: list[float]
    problem: str = ""


@dataclass(frozen=True)
class ChainEffects:
    """The effects of one asynchronous chain within the window.

    buckets: pairs of an upper bound in seconds, ascending, and the number of effects within it; None means no bound.
    """

    name: str
    buckets: list[tuple[float | None, int]]

    @property
    def count(self) -> int:
        """The number of all effects."""
        return self.buckets[-1][1] if self.buckets else 0


@dataclass(frozen=True)
class ErrorGroup:
    """Errors of one kind that the service reported to its error tracker during the run."""

    kind: str
    message: str
    where: str
    count: int
