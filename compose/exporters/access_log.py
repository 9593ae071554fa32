"""One nginx's requests by app server, counted from its log, under the names of the community's log exporter."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import Metric

from compose.exporters.growing import GrowingLog

BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0)
NO_SERVER = "none"
"""The app server of a request that nginx answered itself."""
HEALTH = "/healthz"
"""The balancer's health check, logged only when it fails: no user's request."""


class _Entry(msgspec.Struct):
    """The fields of a line that are read; upstream and upstream_seconds name every server that was tried, in order."""

    uri: str
    status: int
    upstream: str
    upstream_seconds: str


class AccessLog:
    """Counts requests by app server and status, and the seconds that each server took.

    names: app server by address; when empty, as in containers, which come and go, the address is the name.
    """

    def __init__(self, path: Path, names: Mapping[str, str]) -> None:
        self._log = GrowingLog(path)
        self._names = names
        self._decoder = msgspec.json.Decoder(_Entry)
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "nginx_http_response_count", "Requests answered, by app server and status.", ("upstream", "status"),
            registry=self._registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "nginx_http_upstream_time_seconds_hist", "Time that nginx waited for the app server.", ("upstream",),
            buckets=BUCKETS, registry=self._registry,
        )  # fmt: skip

    def __call__(self) -> Iterable[Metric]:
        """The metrics; OSError when there is no log, ValueError when a line is not nginx's."""
        for line in self._log.new_lines():
            entry = self._decoder.decode(line)
            if entry.uri != HEALTH:
                self._count(entry)
        return self._registry.collect()

    def _count(self, entry: _Entry) -> None:
        """Count a request for the last server that was tried; a dash stands for a server that did not answer."""
        server, took = self._name(entry.upstream), _last(entry.upstream_seconds)
        self._requests.labels(server, str(entry.status)).inc()
        if server != NO_SERVER and took != "-":
            self._seconds.labels(server).observe(float(took))

    def _name(self, upstream: str) -> str:
        """The server's name; nginx writes the group's name when it found no server to try."""
        last = _last(upstream)
        return self._names.get(last, last if ":" in last and not self._names else NO_SERVER)


def _last(tried: str) -> str:
    """The last of several servers: commas separate them, or colons after an internal redirect."""
    return tried.replace(" : ", ", ").rsplit(", ", 1)[-1]
