"""The edge's and the origin's requests as metrics, counted from the logs that nginx writes."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, Metric

from compose.exporters.backend import counter
from compose.exporters.growing import GrowingLog
from compose.exporters.nginx import Nginx


class Log:
    """Counts the lines of a growing log: requests by cache and HTTP status, bytes and seconds by cache status."""

    def __init__(self, path: Path) -> None:
        self._log = GrowingLog(path)
        self.requests: defaultdict[tuple[str, str], float] = defaultdict(float)
        self.sent_bytes: defaultdict[str, float] = defaultdict(float)
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def read_on(self) -> None:
        """Count what has been added; OSError when there is no log."""
        for line in self._log.new_lines():
            self._count(line.decode(errors="replace"))

    def _count(self, line: str) -> None:
        _time, cache, status, sent, seconds, _path = line.split(" ", 5)
        # What never came to the cache, a forged path for example, has a dash.
        cache = "none" if cache == "-" else cache.lower()
        self.requests[cache, status] += 1
        self.sent_bytes[cache] += float(sent)
        self.seconds[cache] += float(seconds)


class Cdn:
    """Reads both logs, once nginx has shown by its page of counters that it lives."""

    def __init__(self, status_url: str, edge_log: Path, origin_log: Path) -> None:
        self._nginx = Nginx(status_url)
        self._edge = Log(edge_log)
        self._origin = Log(origin_log)

    def __call__(self) -> Iterable[Metric]:
        """The metrics; OSError, HTTPException or ValueError when nginx does not answer."""
        self._nginx()
        self._edge.read_on()
        self._origin.read_on()
        return [*self._edge_metrics(), *self._origin_metrics()]

    def _edge_metrics(self) -> Iterator[Metric]:
        """hit, revalidated, stale and updating needed no byte of the store's; miss and expired did."""
        requests = CounterMetricFamily("cdn_requests", "Requests to the edge.", labels=("cache", "status"))
        for labels, count in self._edge.requests.items():
            requests.add_metric(labels, count)
        yield requests
        sent = CounterMetricFamily("cdn_sent_bytes", "Bytes of bodies that the edge sent.", labels=("cache",))
        seconds = CounterMetricFamily("cdn_request_seconds", "Time spent on requests to the edge.", labels=("cache",))
        for cache in self._edge.sent_bytes:
            sent.add_metric((cache,), self._edge.sent_bytes[cache])
            seconds.add_metric((cache,), self._edge.seconds[cache])
        yield sent
        yield seconds

    def _origin_metrics(self) -> Iterator[Metric]:
        fetches = CounterMetricFamily("cdn_origin_requests", "Requests from the edge to the store.", labels=("status",))
        for (_cache, status), count in self._origin.requests.items():
            fetches.add_metric((status,), count)
        yield fetches
        yield counter("cdn_origin_received_bytes", "Bytes of bodies fetched.", sum(self._origin.sent_bytes.values()))
        yield counter("cdn_origin_request_seconds", "Time spent on fetches.", sum(self._origin.seconds.values()))
