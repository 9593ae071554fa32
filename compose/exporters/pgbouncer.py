"""PgBouncer's admin console as metrics, under the community exporter's names."""

from collections.abc import Iterable, Iterator
from typing import Any

import psycopg
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from psycopg.rows import dict_row

# column → (metric, help); times come in microseconds.
POOLS = {
    "cl_active": ("client_active_connections", "Client connections linked to a server connection or idle."),
    "cl_waiting": ("client_waiting_connections", "Client connections waiting for a server connection."),
    "sv_active": ("server_active_connections", "Server connections linked to a client."),
    "sv_idle": ("server_idle_connections", "Server connections ready for a client."),
    "sv_used": ("server_used_connections", "Server connections idle for long, checked before use."),
    "sv_tested": ("server_testing_connections", "Server connections being reset or checked."),
    "sv_login": ("server_login_connections", "Server connections logging in."),
    "maxwait": ("client_maxwait_seconds", "Longest wait of a waiting client."),
}
STATS = {
    "total_query_count": ("queries_pooled", "Queries.", 1.0),
    "total_query_time": ("queries_duration_seconds", "Time spent waiting for the server's answers.", 1e-6),
    "total_xact_count": ("sql_transactions_pooled", "Transactions.", 1.0),
    "total_xact_time": ("server_in_transaction_seconds", "Time that server connections were in a transaction.", 1e-6),
    "total_wait_time": ("client_wait_seconds", "Time that clients waited for a server connection.", 1e-6),
    "total_received": ("received_bytes", "Bytes received from clients.", 1.0),
    "total_sent": ("sent_bytes", "Bytes sent to clients.", 1.0),
}
# The console shows itself as a database of this name.
_CONSOLE = "pgbouncer"

Row = dict[str, Any]


class PgBouncer:
    """Reads the console over one connection, opened again when it was lost."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection[Row] | None = None

    def close(self) -> None:
        """Close the connection; the next reading opens a new one."""
        if self._connection:
            self._connection.close()

    def __call__(self) -> Iterable[Metric]:
        """The metrics of every pool and database; psycopg.Error when PgBouncer does not answer."""
        pools, stats = self._show("POOLS"), self._show("STATS")
        return [*_pools(pools), *_stats(stats)]

    def _show(self, what: str) -> list[Row]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self._url, autocommit=True, connect_timeout=2, prepare_threshold=None, row_factory=dict_row
            )
        rows = self._connection.execute(f"SHOW {what}".encode()).fetchall()
        return [row for row in rows if row["database"] != _CONSOLE]


def _pools(rows: list[Row]) -> Iterator[Metric]:
    for column, (name, text) in POOLS.items():
        metric = GaugeMetricFamily(f"pgbouncer_pools_{name}", text, labels=("database", "user"))
        for row in rows:
            exact = float(row["maxwait_us"]) * 1e-6 if column == "maxwait" else 0.0
            metric.add_metric((row["database"], row["user"]), float(row[column]) + exact)
        yield metric


def _stats(rows: list[Row]) -> Iterator[Metric]:
    for column, (name, text, factor) in STATS.items():
        metric = CounterMetricFamily(f"pgbouncer_stats_{name}", text, labels=("database",))
        for row in rows:
            metric.add_metric((row["database"],), float(row[column]) * factor)
        yield metric
