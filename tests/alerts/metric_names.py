"""Which metrics exist, and which a PromQL expression names: a misspelt one draws nothing and never fires."""

import re

from service import catalog

EXPORTED = {
    "up",
    "rq_jobs",
    "pgbouncer_pools_client_waiting_connections",
    "pg_stat_database_xact_commit",
    "redis_commands_processed_total",
    "namedprocess_namegroup_cpu_seconds_total",
    "namedprocess_namegroup_memory_bytes",
    "standin_received_total",
    "pg_replication_lag_seconds",
    "pg_replication_is_replica",
    "cdn_requests_total",
    "node_pressure_cpu_waiting_seconds_total",
    "node_pressure_io_stalled_seconds_total",
}
WORDS = {
    "sum", "by", "rate", "avg_over_time", "histogram_quantile", "abs", "sqrt", "vector", "and", "or", "offset", "on",
    "max", "label_replace",
}  # fmt: skip


def known_metrics() -> set[str]:
    """The service's metrics, those of a histogram by their series, and the exporters' that are used here."""
    names = set(EXPORTED)
    for metric in catalog.METRICS:
        series = ("_bucket", "_sum", "_count") if metric.kind == "histogram" else ("",)
        names |= {metric.name + ending for ending in series}
    return names


def metrics_in(promql: str) -> set[str]:
    """The metric names of an expression."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\bby \([^)]*\)|\b\d+[smhd]\b', "", promql)
    return {word for word in re.findall(r"[a-zA-Z_][\w:]*", bare) if word not in WORDS}
