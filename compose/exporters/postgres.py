"""Whether one PostgreSQL server answers, its role and its lag.

Debian's exporter asks all servers in turn, and reports a growing lag for a replica of a primary without writes.
"""

from collections.abc import Iterable

import psycopg
from prometheus_client.core import Metric

from compose.exporters.backend import gauge

# A replica that has replayed everything from a streaming connection does not lag, however old its last write is.
_QUESTION = """
SELECT pg_is_in_recovery()::int, CASE
    WHEN NOT pg_is_in_recovery() THEN 0
    WHEN pg_last_wal_replay_lsn() >= pg_last_wal_receive_lsn()
        AND EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming') THEN 0
    ELSE extract(epoch FROM clock_timestamp()
        - greatest(pg_last_xact_replay_timestamp(), pg_postmaster_start_time())) END::float
"""


class Postgres:
    """Reads over one connection, opened again when it was lost."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection[tuple[float, float]] | None = None

    def close(self) -> None:
        """Close the connection; the next reading opens a new one."""
        if self._connection:
            self._connection.close()

    def __call__(self) -> Iterable[Metric]:
        """The metrics; psycopg.Error when the server does not answer."""
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._url, autocommit=True, connect_timeout=2)
        [(is_replica, lag)] = self._connection.execute(_QUESTION).fetchall()
        return [
            gauge("pg_replication_is_replica", "Whether it follows a primary.", is_replica),
            gauge("pg_replication_lag_seconds", "Age of the data that it shows; 0 on a primary.", lag),
        ]
