"""Which metrics exist, and which a PromQL expression names: a misspelt one draws nothing and never fires."""

import re

from service import catalog

EXPORTED = {
    "up",
    "rq_workers",
    "pgbouncer_pools_client_waiting_connections",
    "pg_stat_activity_max_tx_duration",
    "pg_stat_replication_pg_wal_lsn_diff",
    "memcached_current_bytes",
    "memcached_limit_bytes",
    "rq_jobs",
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
    "probe_success",
    "nginx_up",
    "pgbouncer_up",
    "pg_up",
    "redis_up",
    "memcached_up",
    "store_up",
    "haproxy_frontend_http_responses_total",
    "rq_queue_oldest_job_age_seconds",
    "pgbouncer_pools_client_maxwait_seconds",
    "memcached_items_evicted_total",
    "node_memory_MemAvailable_bytes",
    "node_memory_MemTotal_bytes",
    "node_filesystem_avail_bytes",
    "node_filesystem_size_bytes",
}
WORDS = {
    "sum", "by", "rate", "avg_over_time", "histogram_quantile", "abs", "sqrt", "vector", "and", "or", "offset", "on",
    "max", "label_replace", "increase", "sum_over_time", "last_over_time", "absent", "topk",
    "sort_desc",
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
