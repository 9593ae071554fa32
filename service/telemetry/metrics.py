"""The metrics of the catalog, made once a process."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable
from threading import Lock
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values
from prometheus_client.mmap_dict import MmapedDict, mmap_key

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


class _Gauge(Gauge):
    """A gauge that does not ask whether it has labels; only children may be counted where there are any."""

    def inc(self, amount: float = 1) -> None:
        """Count up."""
        self._value.inc(amount)

    def dec(self, amount: float = 1) -> None:
        """Count down."""
        self._value.inc(-amount)


class _Histogram(Histogram):
    """A histogram without exemplars; it finds an observation's bucket without looking at those before."""

    def _metric_init(self) -> None:
        super()._metric_init()
        total, buckets, bounds = self._sum, self._buckets, self._upper_bounds
        both = getattr(total, "inc_both", None) or _one_after_the_other(total)

        def observe(amount: float, exemplar: dict[str, str] | None = None) -> None:  # noqa: ARG001
            """Note an amount."""
            both(amount, buckets[bisect_left(bounds, amount)])

        # Whoever observes often keeps this, and with it all that it needs.
        self.observe = observe  # type: ignore[method-assign]


def _one_after_the_other(total: Any) -> Callable[[float, Any], None]:
    """inc_both for values in memory."""

    def inc_both(amount: float, bucket: Any) -> None:
        total.inc(amount)
        bucket.inc(1)

    return inc_both


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
            m: _Gauge(m.name, m.help, m.labels, registry=self.registry, multiprocess_mode="livesum")
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
    """What prometheus-client calls a value, in a file of this process's slot, made cheap to count up.

    A like does so 16 times, each time with nothing of it left in the processor's caches. So all values share a lock,
    which no thread keeps for longer than two assignments, and those of a file its view; the slot never changes.
    """
    lock = Lock()
    files: dict[str, MmapedDict] = {}
    views: dict[str, memoryview[float]] = {}

    class Value:
        """A number in a file, which somebody may be reading at any time: it is written whole."""

        __slots__ = ("_cell", "_cells", "_value")
        _multiprocess = True

        def __init__(
            self, typ: str, metric_name: str, name: str, labelnames: list[str], labelvalues: list[str],
            help_text: str, multiprocess_mode: str = "", **_: Any,
        ) -> None:  # fmt: skip
            kind = f"{typ}_{multiprocess_mode}" if typ == "gauge" else typ
            with lock:
                if kind not in files:
                    folder = os.environ["PROMETHEUS_MULTIPROC_DIR"]
                    files[kind] = MmapedDict(f"{folder}/{kind}_{slots.current()}.db")  # type: ignore[no-untyped-call]
                file: Any = files[kind]
                key = mmap_key(metric_name, name, labelnames, labelvalues, help_text)
                self._value = float(file.read_value(key)[0])
                # A file that has grown is mapped once more: what is written to the view before is seen in both.
                if kind not in views or views[kind].obj is not file._m:
                    views[kind] = memoryview(file._m).cast("d")
                self._cells = views[kind]
                self._cell = file._positions[key] // self._cells.itemsize

        def inc(self, amount: float) -> None:
            """Count up."""
            with lock:
                self._value = self._cells[self._cell] = self._value + amount

        def inc_both(self, amount: float, other: Value) -> None:
            """Count up, and another one by 1."""
            with lock:
                self._value = self._cells[self._cell] = self._value + amount
                other._value = other._cells[other._cell] = other._value + 1

        def set(self, value: float) -> None:
            """Count no more, but from here."""
            with lock:
                self._value = self._cells[self._cell] = value

        def get(self) -> float:
            """The number."""
            return self._value

    return Value
