"""The document of metrics: name, kind, labels, unit, meaning, and where each one is shown."""

import re
from collections.abc import Iterable, Iterator

from likestorm.panels.model import RUN_WINDOW

from dashboards.exported import EXPORTED, Exported
from dashboards.panels import DASHBOARDS
from service import catalog
from service.catalog import Metric

UNITS = {"seconds": "seconds", "bytes": "bytes"}

_HEAD = """# Metrics

Made from `service/catalog.py` and `dashboards/exported.py` by `make dashboards-generate`; a test compares. A counter
is to be read by `rate()`; a histogram `x` has the series `x_bucket`, `x_sum` and `x_count`. Prometheus adds `job` and
`instance` to each; label `route` is a rule such as `/photos/<id>`, never a path, so their number is bounded.
"""


def document() -> str:
    """The whole document as Markdown."""
    sections = [
        ("The service", "Scraped from app servers (job `app`) and workers (job `worker`).", _own(catalog.METRICS)),
        (
            "The load generator's clients",
            "Served by the load generator while a load test is on (job `generator`); the target is down when none is.",
            _own(catalog.LOAD_METRICS),
        ),
        (
            "Everything else that panels and alerts ask for",
            "From exporters, or from collectors of ours under the community exporters' names (`compose/exporters/`).",
            _foreign(EXPORTED),
        ),
    ]
    return _HEAD + "".join(f"\n## {title}\n\n{lead}\n\n{''.join(rows)}" for title, lead, rows in sections)


def _own(metrics: Iterable[Metric]) -> Iterator[str]:
    yield "| name | kind | unit | labels | meaning | shown on |\n| --- | --- | --- | --- | --- | --- |\n"
    for metric in metrics:
        yield _row(
            metric.name, metric.kind, unit(metric.name), _code(metric.labels), metric.help, shown_on(metric.name)
        )


def _foreign(metrics: Iterable[Exported]) -> Iterator[str]:
    yield "| name | kind | unit | job | labels | meaning | shown on |\n| --- | --- | --- | --- | --- | --- | --- |\n"
    for each in metrics:
        labels = _code(each.labels)
        yield _row(each.name, each.kind, unit(each.name), each.job, labels, each.meaning, shown_on(each.name))


def unit(name: str) -> str:
    """The unit that a name ends with, by Prometheus's conventions; a plain number has none."""
    words = name.removesuffix("_total").removesuffix("_hist").split("_")
    return UNITS.get(words[-1], "")


def shown_on(name: str) -> str:
    """The dashboards with a panel that asks for a metric."""
    asked = re.compile(rf"\b{name}(_bucket|_sum|_count)?\b")
    titles = [
        dashboard.title
        for dashboard in DASHBOARDS
        if any(asked.search(panel.promql(RUN_WINDOW)) for panel in dashboard.panels)
    ]
    return ", ".join(titles)


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _row(name: str, *cells: str) -> str:
    return f"| `{name}` | {' | '.join(cells)} |\n"
