"""What a panel and a dashboard are, and the pieces of PromQL that their queries are put together from."""

from dataclasses import dataclass
from typing import Literal

WINDOW, INSTANCE, RUN = "$window", "$instance", "$run"
EVERY = ".*"
GRAFANA_WINDOW = "$__rate_interval"
SCRAPES = 5
"""So many scrapes lie in the window of a rate: four differences, and still three where one was missed."""
SHORTEST_WINDOW_S = 5
RUN_WINDOW = f"{SHORTEST_WINDOW_S}s"
"""Of a run whose targets are scraped every second."""
COLUMNS = 24


@dataclass(frozen=True)
class Threshold:
    """A line that the panel's values should stay below, in the panel's unit."""

    value: float
    label: str


@dataclass(frozen=True)
class Panel:
    """One question to Prometheus and how to draw its answer.

    query: PromQL with `$window` where a range belongs, `$instance` and `$run` where those variables are matched; a
    series a line of the drawing.
    legend: a Grafana legend, `{{label}}` for a label's value.
    unit: a Grafana unit id.
    alert: the alert that watches the same thing, by name.
    kind: lines over time, or tiles with the newest value of each series, coloured by the thresholds.
    width, height: in cells of a grid of 24 columns.
    adds_up: the sum of the series means something.
    empty: why a healthy stack may have nothing to show here; without it, an empty panel is a fault.
    more: the dashboard that goes deeper, by its name.
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
    empty: str = ""
    more: str = ""

    def promql(self, window: str, instance: str = EVERY, run: str = EVERY) -> str:
        """The query with its window filled in, such as `5s`, and what instances and runs must match."""
        return self.query.replace(WINDOW, window).replace(INSTANCE, instance).replace(RUN, run)

    def name_of(self, labels: dict[str, str]) -> str:
        """The legend of one series, given its labels."""
        name = self.legend
        for label, value in labels.items():
            name = name.replace("{{" + label + "}}", value)
        return name


@dataclass(frozen=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Dashboard:
    """Panels on one page, for one purpose.

    name: part of its address and file name. jobs: regex of the scrape jobs whose instances can be chosen, where they
    can. by_run: whether a run can be chosen.
    """

    name: str
    title: str
    purpose: str
    rows: tuple[Row, ...]
    jobs: str = ""
    by_run: bool = False

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All its panels, in reading order."""
        return tuple(panel for row in self.rows for panel in row.panels)


def window_of(interval_s: float, least_s: float = SHORTEST_WINDOW_S) -> str:
    """The window of rates over targets that are scraped every so many seconds, such as `25s`; never below `least_s`."""
    return f"{max(SCRAPES * interval_s, least_s):g}s"


def share(part: str, whole: str, labels: str) -> str:
    """PromQL of a ratio by labels: 0 where only `part` has no samples, nothing where there is no traffic at all."""
    total = f"sum by ({labels}) (rate({whole}[$window]))"
    return f"(sum by ({labels}) (rate({part}[$window])) or 0 * {total}) / ({total} > 0)"


def quantile(level: float, histogram: str, matchers: str, labels: str) -> str:
    """PromQL of a quantile (0-1) by labels, from the buckets of a histogram."""
    by = f"le, {labels}" if labels else "le"
    return f"histogram_quantile({level:g}, sum by ({by}) (rate({histogram}_bucket{{{matchers}}}[$window])))"


def p99(histogram: str, matchers: str, labels: str) -> str:
    """PromQL of the 99th percentile by labels."""
    return quantile(0.99, histogram, matchers, labels)


def named(label: str, **queries: str) -> str:
    """Several queries as one, each of them with its name in `label`; an underscore in a name becomes a space."""
    return " or ".join(
        f'label_replace({query}, "{label}", "{name.replace("_", " ")}", "", "")' for name, query in queries.items()
    )
