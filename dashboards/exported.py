"""The metrics of exporters and collectors that panels and alerts ask for; the service's are in its catalog."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Exported:
    """A metric that somebody else's exporter, or a collector under such a name, exposes; `job` scrapes it."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    job: str
    labels: tuple[str, ...]
    meaning: str


_PG = ("instance", "datname")

EXPORTED: tuple[Exported, ...] = (
    Exported("up", "gauge", "all", ("job", "instance"), "Whether the last scrape came through."),
    *(
        Exported(f"{name}_up", "gauge", job, (), "Whether it answered its collector.")
        for name, job in (
            ("memcached", "memcached"), ("nginx", "nginx"), ("pg", "postgres"), ("pgbouncer", "pgbouncer"),
            ("redis", "redis"), ("store", "store"),
        )
    ),
    Exported("ALERTS", "gauge", "none: Prometheus itself", ("alertname", "alertstate"), "1 while an alert is on."),
    Exported("cdn_requests_total", "counter", "cdn", ("cache", "status"), "Requests to the edge."),
    Exported("cdn_sent_bytes_total", "counter", "cdn", ("cache",), "Bytes of bodies that the edge sent."),
    Exported("cdn_request_seconds_total", "counter", "cdn", ("cache",), "Time spent on requests to the edge."),
    Exported("cdn_origin_received_bytes_total", "counter", "cdn", (), "Bytes of bodies fetched from the store."),
    Exported("haproxy_backend_active_servers", "gauge", "haproxy", ("proxy",), "nginx in service."),
    Exported("haproxy_frontend_http_responses_total", "counter", "haproxy", ("proxy", "code"), "Answers by status."),
    Exported("memcached_current_bytes", "gauge", "memcached", (), "Bytes that items take."),
    Exported("memcached_limit_bytes", "gauge", "memcached", (), "Bytes that items may take."),
    Exported("memcached_commands_total", "counter", "memcached", ("command", "status"), "Commands by outcome."),
    Exported("memcached_items_evicted_total", "counter", "memcached", (), "Items removed to make room."),
    Exported("namedprocess_namegroup_cpu_seconds_total", "counter", "process", ("groupname", "mode"), "CPU by part."),
    Exported("namedprocess_namegroup_memory_bytes", "gauge", "process", ("groupname", "memtype"), "Memory by part."),
    Exported("nginx_connections_active", "gauge", "nginx", (), "Client connections, idle ones among them."),
    Exported("nginx_connections_waiting", "gauge", "nginx", (), "Idle client connections."),
    Exported("nginx_http_response_count_total", "counter", "nginx", ("upstream", "status"), "Requests by app server."),
    Exported(
        "nginx_http_upstream_time_seconds_hist", "histogram", "nginx", ("upstream",),
        "Time that nginx waited for the app server.",
    ),
    Exported("node_cpu_seconds_total", "counter", "node", ("cpu", "mode"), "What the cores did."),
    Exported("node_filesystem_avail_bytes", "gauge", "node", ("mountpoint",), "Bytes left on a file system."),
    Exported("node_filesystem_size_bytes", "gauge", "node", ("mountpoint",), "Its size."),
    Exported("node_memory_MemTotal_bytes", "gauge", "node", (), "The machine's memory."),
    Exported("node_memory_MemAvailable_bytes", "gauge", "node", (), "Memory to be had without taking it."),
    Exported("node_pressure_cpu_waiting_seconds_total", "counter", "node", (), "Time in which a task wanted a core."),
    Exported("node_pressure_io_stalled_seconds_total", "counter", "node", (), "Time in which all waited for the disk."),
    Exported("pg_replication_is_replica", "gauge", "postgres", ("instance",), "Whether a server follows another."),
    Exported("pg_replication_lag_seconds", "gauge", "postgres", ("instance",), "How old what it shows is."),
    Exported("pg_stat_activity_max_tx_duration", "gauge", "postgres", (*_PG, "state"), "Longest transaction, s."),
    Exported(
        "pg_stat_replication_pg_wal_lsn_diff", "gauge", "postgres", ("instance", "application_name"),
        "Bytes of log that a replica has not got yet.",
    ),
    Exported("pg_stat_database_blks_hit", "counter", "postgres", _PG, "Pages found in shared buffers."),
    Exported("pg_stat_database_blks_read", "counter", "postgres", _PG, "Pages that were not."),
    Exported("pg_stat_database_deadlocks", "counter", "postgres", _PG, "Deadlocks."),
    Exported("pg_stat_database_numbackends", "gauge", "postgres", _PG, "Connections."),
    Exported("pg_stat_database_tup_deleted", "counter", "postgres", _PG, "Rows deleted."),
    Exported("pg_stat_database_tup_fetched", "counter", "postgres", _PG, "Rows read by index."),
    Exported("pg_stat_database_tup_inserted", "counter", "postgres", _PG, "Rows inserted."),
    Exported("pg_stat_database_tup_updated", "counter", "postgres", _PG, "Rows updated."),
    Exported("pg_stat_database_xact_commit", "counter", "postgres", _PG, "Transactions committed."),
    Exported("pg_stat_database_xact_rollback", "counter", "postgres", _PG, "Transactions rolled back."),
    Exported(
        "pgbouncer_pools_client_maxwait_seconds", "gauge", "pgbouncer", ("database", "user"), "The longest wait."
    ),
    Exported(
        "pgbouncer_pools_client_waiting_connections", "gauge", "pgbouncer", ("database", "user"), "Clients that wait."
    ),
    Exported(
        "pgbouncer_pools_server_active_connections", "gauge", "pgbouncer", ("database", "user"), "Servers in use."
    ),
    Exported("pgbouncer_pools_server_idle_connections", "gauge", "pgbouncer", ("database", "user"), "Servers free."),
    Exported("pgbouncer_stats_client_wait_seconds_total", "counter", "pgbouncer", ("database",), "Time waited."),
    Exported("probe_duration_seconds", "gauge", "blackbox", ("instance",), "Time of one request from outside."),
    Exported("probe_success", "gauge", "blackbox", ("instance",), "Whether it was answered as it should be."),
    Exported("redis_commands_duration_seconds_total", "counter", "redis", ("cmd",), "Time spent on each command."),
    Exported("redis_commands_processed_total", "counter", "redis", (), "Commands."),
    Exported("redis_memory_used_bytes", "gauge", "redis", (), "Memory in use."),
    Exported("rq_jobs", "gauge", "rq", ("queue", "status"), "Jobs; `failed` ones are dead letters."),
    Exported("rq_queue_oldest_job_age_seconds", "gauge", "rq", ("queue",), "Age of the job that waits longest."),
    Exported("rq_workers", "gauge", "rq", ("queue", "state"), "Workers."),
    Exported("fake_received_total", "counter", "fakes", ("fake",), "What the outside world took."),
    Exported("fake_duplicates_total", "counter", "fakes", ("fake",), "What of it came twice."),
    Exported("store_probe_duration_seconds", "gauge", "store", (), "Time of one refused request to the store."),
)  # fmt: skip
