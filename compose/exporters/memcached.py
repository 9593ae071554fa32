"""memcached's stats as metrics, under the community exporter's names."""

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, Metric
from pymemcache.client.base import Client

from compose.exporters.backend import TIMEOUT_S, counter, gauge

# (command, status) → the stat that counts it.
COMMANDS = {
    ("get", "hit"): "get_hits",
    ("get", "miss"): "get_misses",
    ("set", "hit"): "cmd_set",
    ("delete", "hit"): "delete_hits",
    ("delete", "miss"): "delete_misses",
    ("incr", "hit"): "incr_hits",
    ("incr", "miss"): "incr_misses",
    ("decr", "hit"): "decr_hits",
    ("decr", "miss"): "decr_misses",
    ("cas", "hit"): "cas_hits",
    ("cas", "miss"): "cas_misses",
    ("cas", "badval"): "cas_badval",
    ("touch", "hit"): "touch_hits",
    ("touch", "miss"): "touch_misses",
}
GAUGES = {
    "memcached_uptime_seconds": ("uptime", "Seconds since the server started."),
    "memcached_current_bytes": ("bytes", "Bytes that items take."),
    "memcached_limit_bytes": ("limit_maxbytes", "Bytes that items may take."),
    "memcached_current_items": ("curr_items", "Items stored now."),
    "memcached_current_connections": ("curr_connections", "Open connections."),
    "memcached_max_connections": ("max_connections", "Connections that may be open."),
}
COUNTERS = {
    "memcached_items": ("total_items", "Items ever stored."),
    "memcached_items_evicted": ("evictions", "Items removed to make room."),
    "memcached_items_reclaimed": ("reclaimed", "Times that an expired item's room was used again."),
    "memcached_connections": ("total_connections", "Connections ever opened."),
    "memcached_connections_yielded": ("conn_yields", "Times that a connection yielded to others."),
    "memcached_read_bytes": ("bytes_read", "Bytes read from the network."),
    "memcached_written_bytes": ("bytes_written", "Bytes written to the network."),
}


class Memcached:
    """Reads the stats over one connection, which the client opens again when it was lost."""

    def __init__(self, address: str) -> None:
        self._client = Client(address, connect_timeout=TIMEOUT_S, timeout=TIMEOUT_S, default_noreply=False)

    def close(self) -> None:
        """Close the connection; the next reading opens a new one."""
        self._client.close()

    def __call__(self) -> Iterable[Metric]:
        """The metrics; OSError or MemcacheError when the server does not answer."""
        stats = {name.decode(): value for name, value in self._client.stats().items()}
        commands = CounterMetricFamily("memcached_commands", "Commands, by outcome.", labels=("command", "status"))
        for labels, stat in COMMANDS.items():
            commands.add_metric(labels, float(stats[stat]))
        return [
            commands,
            *(gauge(name, text, float(stats[stat])) for name, (stat, text) in GAUGES.items()),
            *(counter(name, text, float(stats[stat])) for name, (stat, text) in COUNTERS.items()),
        ]
