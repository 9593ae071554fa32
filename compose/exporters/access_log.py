"""One nginx's requests by app server, counted from its log, under the names of the community's log exporter."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import accumulate
from pathlib import Path

import msgspec
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from compose.exporters.growing import GrowingLog

BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0)
NOBODY = "none"
"""Stands for the app server of a request that nginx answered itself."""
HEALTH = "/healthz"
"""The balancer's own question, which is logged only when it fails: no user's request."""


class _Entry(msgspec.Struct):
    """What is read of a line: upstream and upstream_seconds name every server that was tried, in order."""

    uri: str
    status: int
    upstream: str
    upstream_seconds: str


class AccessLog:
    """Counts requests by app server and status, and the seconds that each server took.

    names: app server by address; where there are none, as with containers, which come and go, addresses are names.
    """

    def __init__(self, path: Path, names: Mapping[str, str]) -> None:
        self._log = GrowingLog(path)
        self._names = names
        self._decoder = msgspec.json.Decoder(_Entry)
        self._requests: Counter[tuple[str, str]] = Counter()
        self._counts: defaultdict[str, list[int]] = defaultdict(lambda: [0] * (len(BUCKETS) + 1))
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def __call__(self) -> Iterable[Metric]:
        """The metrics; OSError when there is no log, ValueError when a line is not nginx's."""
        for line in self._log.new_lines():
            entry = self._decoder.decode(line)
            if entry.uri != HEALTH:
                self._count(entry)
        requests = CounterMetricFamily(
            "nginx_http_response_count", "Requests answered, by app server and status.", labels=("upstream", "status")
        )
        for labels, count in self._requests.items():
            requests.add_metric(labels, count)
        times = HistogramMetricFamily(
            "nginx_http_upstream_time_seconds_hist", "Time that nginx waited for the app server.", labels=("upstream",)
        )
        for server, counts in self._counts.items():
            times.add_metric((server,), _cumulative(counts), self._seconds[server])
        return [requests, times]

    def _count(self, entry: _Entry) -> None:
        """A request that was passed on counts for the server that it ended with; a dash is a server without answer."""
        server = self._name(entry.upstream)
        self._requests[server, str(entry.status)] += 1
        took = _last(entry.upstream_seconds)
        if server == NOBODY or took == "-":
            return
        seconds = float(took)
        self._counts[server][bisect_left(BUCKETS, seconds)] += 1
        self._seconds[server] += seconds

    def _name(self, upstream: str) -> str:
        """The server's name; where nginx found none to try, it writes the group's."""
        last = _last(upstream)
        return self._names.get(last, last if ":" in last and not self._names else NOBODY)


def _last(tried: str) -> str:
    """Servers that were tried stand one after another, with commas, or colons after an internal redirect."""
    return tried.replace(" : ", ", ").rsplit(", ", 1)[-1]


def _cumulative(counts: list[int]) -> list[tuple[str, float]]:
    names = [*map(str, BUCKETS), "+Inf"]
    return list(zip(names, accumulate(counts), strict=True))
