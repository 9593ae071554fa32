"""The metrics of the catalog, made once a process."""

import os
from bisect import bisect_left
from threading import Lock
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values

from service import catalog
from service.catalog import Metric
from service.telemetry import slots


class _Counter(Counter):
    """A counter without exemplars; only children may be counted where there are labels."""

    def inc(self, amount: float = 1, exemplar: dict[str, str] | None = None) -> None:  # noqa: ARG002
        """Count up; ValueError when that would be down."""
        if amount < 0:
            raise ValueError("a counter never goes back")
        self._value.inc(amount)


class _Histogram(Histogram):
    """A histogram without exemplars; it finds an observation's bucket without looking at those before."""

    def observe(self, amount: float, exemplar: dict[str, str] | None = None) -> None:  # noqa: ARG002
        """Note an amount."""
        self._sum.inc(amount)
        self._buckets[bisect_left(self._upper_bounds, amount)].inc(1)


class Metrics:
    """Every metric of the catalog in one registry.

    With PROMETHEUS_MULTIPROC_DIR set, values live in files of this process's slot, and there may be one Metrics a
    process; without it they live in memory.
    """

    is_kept = True

    def __init__(self) -> None:
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            values.ValueClass = _value_class()
        self.registry = CollectorRegistry()
        kinds = {kind: [metric for metric in catalog.METRICS if metric.kind == kind] for kind in _KINDS}
        self._counters = {m: _Counter(m.name, m.help, m.labels, registry=self.registry) for m in kinds["counter"]}
        self._gauges = {
            m: Gauge(m.name, m.help, m.labels, registry=self.registry, multiprocess_mode="livesum")
            for m in kinds["gauge"]
        }
        self._histograms = {
            m: _Histogram(m.name, m.help, m.labels, registry=self.registry, buckets=m.buckets)
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


def _value_class() -> Any:
    """prometheus-client's value in a file of this process's slot, made cheap to count up: a like does so 16 times."""
    in_file: Any = values.MultiProcessValue(process_identifier=slots.current)  # type: ignore[no-untyped-call]

    class Value(in_file):  # type: ignore[misc]
        """Its slot never changes, so it need not ask for it; its place in the file neither."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._counting = Lock()
            file = self._file
            # A file that grows is mapped once more: what is written here is seen there.
            self._cells = memoryview(file._m).cast("d")
            self._cell = file._positions[self._key] // self._cells.itemsize

        def inc(self, amount: float) -> None:
            """Count up, and write the whole number at once: somebody may be reading it."""
            with self._counting:
                self._value += amount
                self._cells[self._cell] = self._value

    return Value
