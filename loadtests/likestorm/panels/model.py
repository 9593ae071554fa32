"""Panels and dashboards as data, and the pieces of PromQL that their queries are built from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from likestorm.results.record.target import PanelData

WINDOW, INSTANCE, RUN = "$window", "$instance", "$run"
EVERY = ".*"
GRAFANA_WINDOW = "$__rate_interval"
SCRAPES = 5
"""Scrapes in the window of a rate: four differences, and three where one scrape is missing."""
SHORTEST_WINDOW_S = 5
RUN_WINDOW = f"{SHORTEST_WINDOW_S}s"
"""The window of rates over targets that are scraped every second."""
COLUMNS = 24


@dataclass(frozen=True)
class Threshold:
    """A limit that the panel's values should stay below, in the panel's unit."""

    value: float
    label: str


@dataclass(frozen=True)
class Panel:
    """One query to Prometheus, and how to draw its result.

    question: what the panel answers, in one or two sentences.
    query: PromQL with `$window` where a range belongs, `$instance` and `$run` where those variables are matched.
    legend: a Grafana legend, `{{label}}` for a label's value. unit: a Grafana unit id.
    alert: the name of the alert on the same values.
    kind: lines over time, or tiles with the newest value of each series, coloured by the thresholds.
    width, height: in cells of a grid of 24 columns.
    adds_up: the sum of the series means something.
    part: the label that names a part of the target, where the series are CPU cores by part.
    empty: why a healthy target may have no data here; without it, an empty panel is a fault.
    more: the name of the dashboard with the details.
    """

    id: str
    title: str
    question: str
    query: str
    legend: str
    unit: str
    thresholds: tuple[Threshold, ...] = ()
    alert: str | None = None
    kind: Literal["lines", "tiles"] = "lines"
    width: int = 8
    height: int = 9
    adds_up: bool = False
    part: str = ""
    empty: str = ""
    more: str = ""

    def promql(self, window: str, instance: str = EVERY, run: str = EVERY) -> str:
        """The query with its window, such as `5s`, and with the regexes of instances and runs."""
        return self.query.replace(WINDOW, window).replace(INSTANCE, instance).replace(RUN, run)

    def name_of(self, labels: dict[str, str]) -> str:
        """The legend of one series, given its labels; all labels where the panel has no legend."""
        name = self.legend
        for label, value in labels.items():
            name = name.replace("{{" + label + "}}", value)
        return name or ", ".join(f"{label}={value}" for label, value in sorted(labels.items()))

    def data(self, window: str) -> PanelData:
        """What a record keeps of the panel, without series."""
        thresholds = [(each.value, each.label) for each in self.thresholds]
        return PanelData(
            self.id, self.promql(window), [], self.title, self.question, self.unit, self.legend, thresholds,
            self.adds_up, self.part,
        )  # fmt: skip

    @classmethod
    def of(cls, data: PanelData) -> Panel:
        """The panel that a record tells of; a record of an older version tells its id only, which is the title then."""
        thresholds = tuple(Threshold(value, label) for value, label in data.thresholds)
        return cls(
            data.panel, data.title or data.panel, data.question, data.query, data.legend, data.unit, thresholds,
            adds_up=data.adds_up, part=data.part,
        )  # fmt: skip


@dataclass(frozen=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Dashboard:
    """Panels on one page.

    name: part of its address and file name. jobs: a regex of the scrape jobs whose instances a reader can choose; empty
    without such a choice. by_run: whether a reader can choose a run.
    """

    name: str
    title: str
    purpose: str
    rows: tuple[Row, ...]
    jobs: str = ""
    by_run: bool = False

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All panels of the dashboard, in reading order."""
        return tuple(panel for row in self.rows for panel in row.panels)


def window_of(interval_s: float, least_s: float = SHORTEST_WINDOW_S) -> str:
    """The window of rates over targets with a scrape every `interval_s` seconds, such as `25s`; at least `least_s`."""
    return f"{max(SCRAPES * interval_s, least_s):g}s"


def rate(counter: str, matchers: str, labels: str = "") -> str:
    """PromQL of a rate per second, summed by labels; without labels, summed over everything."""
    inner = f"rate({counter}{{{matchers}}}[$window])"
    return f"sum by ({labels}) ({inner})" if labels else f"sum({inner})"


def share(counter: str, matchers: str, part: str, labels: str) -> str:
    """PromQL of the share of a counter that also matches `part`, by labels; 0 without any, no value without traffic."""
    total = rate(counter, matchers, labels)
    return f"({rate(counter, f'{matchers},{part}', labels)} or 0 * {total}) / ({total} > 0)"


def quantile(level: float, histogram: str, matchers: str, labels: str) -> str:
    """PromQL of a quantile (0-1) by labels, from the buckets of a histogram."""
    by = f"le, {labels}" if labels else "le"
    return f"histogram_quantile({level:g}, sum by ({by}) (rate({histogram}_bucket{{{matchers}}}[$window])))"


def p99(histogram: str, matchers: str, labels: str) -> str:
    """PromQL of the 99th percentile by labels."""
    return quantile(0.99, histogram, matchers, labels)


def named(label: str, **queries: str) -> str:
    """PromQL that joins several queries, with each one's name in `label`; an underscore in a name becomes a space."""
    return " or ".join(
        f'label_replace({query}, "{label}", "{name.replace("_", " ")}", "", "")' for name, query in queries.items()
    )
