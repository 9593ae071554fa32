"""The metrics of the catalog, made once a process."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values
from prometheus_client.mmap_dict import MmapedDict, mmap_key

from service import catalog
from service.catalog import Metric
from service.telemetry import slots
from service.telemetry.buffer import Buffer


class _Counter(Counter):
    """A counter in a file, without exemplars; only children may be counted where there are labels."""

    def _metric_init(self) -> None:
        super()._metric_init()
        # Whoever counts often keeps this, and with it all that it needs.
        self.inc = self._value.inc  # type: ignore[method-assign]


def _buffered(buffer: Buffer) -> type[Histogram]:
    """Histograms without exemplars that note what they observe, and count it later."""

    class Buffered(Histogram):
        def _metric_init(self) -> None:
            super()._metric_init()
            total, buckets, find = self._sum, self._buckets, partial(bisect_left, self._upper_bounds)

            def count(amounts: list[float]) -> None:
                total.inc(sum(amounts))
                for index, number in Tally(map(find, amounts)).items():
                    buckets[index].inc(number)

            # Whoever observes often keeps this, and with it all that it needs.
            self.observe = buffer.hold(count)  # type: ignore[assignment, method-assign]

    return Buffered


class Metrics:
    """Every metric of the catalog in one registry.

    With PROMETHEUS_MULTIPROC_DIR set, values live in files of this process's slot, where counters are at once, gauges,
    histograms and tallies a little later (see buffer.py); there may be one Metrics a process, and no fork after it.
    Without it they live in memory.
    """

    is_kept = True

    def __init__(self, make_buffer: Callable[[], Buffer] = Buffer) -> None:
        self._buffer: Buffer | None = None
        counter, histogram = Counter, Histogram
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            values.ValueClass = _value_class()
            self._buffer = make_buffer()
            counter, histogram = _Counter, _buffered(self._buffer)
        self.registry = CollectorRegistry()
        kinds = {kind: [metric for metric in catalog.METRICS if metric.kind == kind] for kind in _KINDS}
        self._counters = {m: counter(m.name, m.help, m.labels, registry=self.registry) for m in kinds["counter"]}
        self._gauges = {
            m: Gauge(m.name, m.help, m.labels, registry=self.registry, multiprocess_mode="livesum")
            for m in kinds["gauge"]
        }
        self._histograms = {
            m: histogram(m.name, m.help, m.labels, registry=self.registry, buckets=m.buckets)
            for m in kinds["histogram"]
        }

    def counter(self, metric: Metric, *labels: str) -> Counter:
        """The counter, or its child with these label values."""
        counter = self._counters[metric]
        return counter.labels(*labels) if labels else counter

    def tally(self, metric: Metric, *labels: str, when: Callable[[Any], bool]) -> Callable[[Any], object]:
        """What takes anything, and counts that for which `when` holds; a little later where histograms do."""
        count = self.counter(metric, *labels).inc
        if self._buffer is None:
            return lambda thing: count(when(thing))
        return self._buffer.hold(lambda things: count(sum(map(when, things))))

    def watch(self, metric: Metric, read: Callable[[], float]) -> None:
        """Have the gauge tell what `read` returns."""
        gauge = self._gauges[metric]
        if self._buffer is None:
            gauge.set_function(read)
        else:
            self._buffer.watch(lambda: gauge.set(read()))

    def histogram(self, metric: Metric, *labels: str) -> Histogram:
        """The histogram, or its child with these label values."""
        histogram = self._histograms[metric]
        return histogram.labels(*labels) if labels else histogram

    def close(self) -> None:
        """Have all that was observed in the files."""
        if self._buffer is not None:
            self._buffer.close()


_KINDS = ("counter", "gauge", "histogram")


def _value_class() -> Any:
    """What prometheus-client calls a value, in a file of this process's slot, made cheap to count up.

    All values share a lock, which no thread keeps for longer than two assignments, and those of a file its view; the
    slot never changes.
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

        def inc(self, amount: float = 1.0) -> None:
            """Count up; ValueError when that would be down."""
            if amount < 0:
                raise ValueError("a counter never goes back")
            with lock:
                self._value = self._cells[self._cell] = self._value + amount

        def set(self, value: float) -> None:
            """Count no more, but from here."""
            with lock:
                self._value = self._cells[self._cell] = value

        def get(self) -> float:
            """The number."""
            return self._value

    return Value
