"""The edge's and the origin's requests as metrics, counted from nginx's logs."""

from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import Metric

from compose.exporters.growing import GrowingLog


class Requests:
    """Counts the lines of both logs."""

    def __init__(self, edge_log: Path, origin_log: Path) -> None:
        self._edge, self._origin = GrowingLog(edge_log), GrowingLog(origin_log)
        self._registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=self._registry)

        # hit, revalidated, stale and updating needed no byte of the store's; miss and expired did.
        self._requests = counter("cdn_requests", "Requests to the edge.", "cache", "status")
        self._sent = counter("cdn_sent_bytes", "Bytes of bodies that the edge sent.", "cache")
        self._seconds = counter("cdn_request_seconds", "Time spent on requests to the edge.", "cache")
        self._fetches = counter("cdn_origin_requests", "Requests from the edge to the store.", "status")
        self._received = counter("cdn_origin_received_bytes", "Bytes of bodies fetched.")
        self._fetch_seconds = counter("cdn_origin_request_seconds", "Time spent on fetches.")

    def __call__(self) -> Iterable[Metric]:
        """The metrics; OSError when there is no log, ValueError when a line is not nginx's."""
        for line in self._edge.new_lines():
            cache, status, sent_bytes, seconds = _read(line)
            self._requests.labels(cache, status).inc()
            self._sent.labels(cache).inc(sent_bytes)
            self._seconds.labels(cache).inc(seconds)
        for line in self._origin.new_lines():
            _, status, received_bytes, seconds = _read(line)
            self._fetches.labels(status).inc()
            self._received.inc(received_bytes)
            self._fetch_seconds.inc(seconds)
        return self._registry.collect()


def _read(line: bytes) -> tuple[str, str, float, float]:
    """Cache status, HTTP status, bytes and seconds of a request; "none" for one that never came to the cache."""
    _time, cache, status, sent_bytes, seconds, _path = line.decode(errors="replace").split(" ", 5)
    return "none" if cache == "-" else cache.lower(), status, float(sent_bytes), float(seconds)
