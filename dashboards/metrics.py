"""The document of metrics: name, kind, unit, labels, meaning, and the dashboards that show each metric."""

import re
from collections.abc import Iterable, Sequence

from likestorm.generator.metrics import LOAD_METRICS, LoadMetric

from dashboards.exported import EXPORTED
from dashboards.panels import DASHBOARDS
from service import catalog
from service.catalog import Metric

UNITS = ("seconds", "bytes")

Described = tuple[str, str, Sequence[str], str]
"""Name, kind, labels and meaning of a metric."""

_HEAD = """# Metrics

Made from `service/catalog.py`, `loadtests/likestorm/generator/metrics.py` and `dashboards/exported.csv` by
`make dashboards-generate`; a test compares them. Read a counter with `rate()`; a histogram `x` has the series
`x_bucket`, `x_sum` and `x_count`. Prometheus adds `job` and `instance` to each series. Label `route` is a rule such as
`/photos/<id>`, never a path, so its values are bounded.
"""


def document() -> str:
    """The whole document as Markdown."""
    exported = [(each.name, each.kind, each.labels, f"{each.meaning} Job `{each.job}`.") for each in EXPORTED]
    return _HEAD + "".join(
        f"\n## {title}\n\n{lead}\n\n{_table(metrics)}"
        for title, lead, metrics in (
            ("The service", "Scraped from app servers (job `app`) and workers (job `worker`).", _own(catalog.METRICS)),
            (
                "The load generator's clients",
                "Served by the load generator during a load test (job `generator`); otherwise the target is down.",
                _own(LOAD_METRICS),
            ),
            (
                "Other metrics in panels and alerts",
                "From exporters, or from our collectors under the community exporters' names (`compose/exporters/`).",
                exported,
            ),
        )
    )


def _own(metrics: Iterable[Metric | LoadMetric]) -> list[Described]:
    return [(metric.name, metric.kind, metric.labels, metric.help) for metric in metrics]


def _table(metrics: Iterable[Described]) -> str:
    rows = [("name", "kind", "unit", "labels", "meaning", "shown on"), ("---",) * 6]
    rows += [
        (f"`{name}`", kind, unit(name), ", ".join(f"`{label}`" for label in labels), meaning, shown_on(name))
        for name, kind, labels, meaning in metrics
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def unit(name: str) -> str:
    """The unit at the end of a name, by Prometheus's conventions; empty for a plain number."""
    word = name.removesuffix("_total").removesuffix("_hist").rpartition("_")[2]
    return word if word in UNITS else ""


def shown_on(name: str) -> str:
    """The dashboards with a panel that queries a metric."""
    asked = re.compile(rf"\b{name}(_bucket|_sum|_count)?\b")
    found = [each.title for each in DASHBOARDS if any(asked.search(panel.query) for panel in each.panels)]
    return ", ".join(found)
