"""A backend whose metrics come within a deadline, or not at all."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

# Prometheus gives up after the scrape interval; the page that says that a backend is down must come earlier.
DEADLINE_SHARE = 0.6
TIMEOUT_S = 0.4
"""Of one request to a backend."""

Read = Callable[[], Iterable[Metric]]


class Backend(Collector):
    """One backend's metrics, and NAME_up: 1 when it answered in time, 0 when not.

    A reading that takes longer than the deadline goes on in its thread, and no other starts before it has ended: a
    backend that hangs costs one thread and never a scrape.
    """

    def __init__(self, name: str, read: Read, deadline_s: float) -> None:
        self._name = name
        self._read = read
        self._deadline_s = deadline_s
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._reading: Future[list[Metric]] | None = None

    def collect(self) -> Iterator[Metric]:
        """NAME_up, then the backend's metrics."""
        metrics = self._read_in_time()
        yield gauge(f"{self._name}_up", "Whether it answered.", 0 if metrics is None else 1)
        yield from metrics or ()

    def _read_in_time(self) -> list[Metric] | None:
        if self._reading and not self._reading.done():
            return None
        self._reading = self._thread.submit(lambda: list(self._read()))
        try:
            return self._reading.result(self._deadline_s)
        except Exception:  # every client library has its own errors
            return None


def gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    """A gauge without labels."""
    return GaugeMetricFamily(name, text, value=value)


def counter(name: str, text: str, value: float) -> CounterMetricFamily:
    """A counter without labels; `_total` is appended where it is missing."""
    return CounterMetricFamily(name, text, value=value)
