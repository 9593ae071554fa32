"""The metrics of the catalogue, created once a process."""

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values

from service import catalog
from service.catalog import Metric
from service.telemetry import multiprocess


class Metrics:
    """Every metric of the catalogue in one registry.

    With PROMETHEUS_MULTIPROC_DIR set, values are kept in the files of this process's slot; create Metrics after the
    last fork. Without it values are kept in memory.
    """

    is_kept = True

    def __init__(self) -> None:
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            # prometheus-client has no setting for the identifier of a process: metrics look up this class by name.
            values.ValueClass = values.MultiProcessValue(multiprocess.slot)  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        kinds = {kind: [metric for metric in catalog.METRICS if metric.kind == kind] for kind in _KINDS}
        self._counters = {m: Counter(m.name, m.help, m.labels, registry=self.registry) for m in kinds["counter"]}
        self._gauges = {
            m: Gauge(m.name, m.help, m.labels, registry=self.registry, multiprocess_mode="livesum")
            for m in kinds["gauge"]
        }
        self._histograms = {
            m: Histogram(m.name, m.help, m.labels, registry=self.registry, buckets=m.buckets)
            for m in kinds["histogram"]
        }

    def counter(self, metric: Metric, *labels: str) -> Counter:
        """The counter, or its child with these label values."""
        counter = self._counters[metric]
        return counter.labels(*labels) if labels else counter

    def gauge(self, metric: Metric) -> Gauge:
        """The gauge."""
        return self._gauges[metric]

    def histogram(self, metric: Metric, *labels: str) -> Histogram:
        """The histogram, or its child with these label values."""
        histogram = self._histograms[metric]
        return histogram.labels(*labels) if labels else histogram


_KINDS = ("counter", "gauge", "histogram")
