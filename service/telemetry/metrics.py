"""The metrics of the catalog, made once a process."""

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values

from service import catalog
from service.catalog import Metric
from service.telemetry import slots


class Metrics:
    """Every metric of the catalog in one registry.

    With PROMETHEUS_MULTIPROC_DIR set, values live in files of this process's slot, and there may be one Metrics a
    process; without it they live in memory.
    """

    is_kept = True

    def __init__(self) -> None:
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            by_slot = values.MultiProcessValue(process_identifier=slots.current)  # type: ignore[no-untyped-call]
            values.ValueClass = by_slot
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

    def gauge(self, metric: Metric, *labels: str) -> Gauge:
        """The gauge, or its child with these label values."""
        gauge = self._gauges[metric]
        return gauge.labels(*labels) if labels else gauge

    def histogram(self, metric: Metric, *labels: str) -> Histogram:
        """The histogram, or its child with these label values."""
        histogram = self._histograms[metric]
        return histogram.labels(*labels) if labels else histogram


_KINDS = ("counter", "gauge", "histogram")
