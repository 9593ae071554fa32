"""Which metrics exist, and which a PromQL expression names: a misspelt one draws nothing and never fires."""

import re

from likestorm.generator.metrics import LOAD_METRICS, LoadMetric

from dashboards.exported import EXPORTED, Exported
from service import catalog
from service.catalog import Metric

WORDS = {
    "sum", "by", "rate", "avg_over_time", "histogram_quantile", "abs", "sqrt", "vector", "and", "or", "offset", "on",
    "max", "min", "label_replace", "increase", "sum_over_time", "last_over_time", "absent", "topk", "clamp_min",
    "sort_desc",
}  # fmt: skip


def known_metrics() -> set[str]:
    """The metrics of the service, of load tests and of exporters that are used here; of histograms their series."""
    names = set()
    known: tuple[Metric | LoadMetric | Exported, ...] = (*catalog.METRICS, *LOAD_METRICS, *EXPORTED)
    for metric in known:
        series = ("_bucket", "_sum", "_count") if metric.kind == "histogram" else ("",)
        names |= {metric.name + ending for ending in series}
    return names


def metrics_in(promql: str) -> set[str]:
    """The metric names of an expression."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\b(by|on) \([^)]*\)|\b\d+[smhd]\b', "", promql)
    return {word for word in re.findall(r"[a-zA-Z_][\w:]*", bare) if word not in WORDS}
