"""A backend that is asked in time or not at all."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

# Prometheus gives up after the interval of scrapes; the answer that a backend is gone must be there before.
DEADLINE_SHARE = 0.6

Read = Callable[[], Iterable[Metric]]


class Backend(Collector):
    """One backend's metrics, and NAME_up: 1 when it answered, 0 when it failed or kept us waiting.

    A question that is not answered in time is left behind, and no other is asked until it has ended: a backend that
    hangs costs one thread and never a scrape.
    """

    def __init__(self, name: str, read: Read, deadline_s: float) -> None:
        self._name = name
        self._read = read
        self._deadline_s = deadline_s
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._asked: Future[list[Metric]] | None = None

    def collect(self) -> Iterator[Metric]:
        """NAME_up, then whatever the backend told."""
        metrics = self._ask()
        yield gauge(f"{self._name}_up", "Whether it answered.", 0 if metrics is None else 1)
        yield from metrics or ()

    def _ask(self) -> list[Metric] | None:
        if self._asked and not self._asked.done():
            return None
        self._asked = self._thread.submit(lambda: list(self._read()))
        try:
            return self._asked.result(self._deadline_s)
        except Exception:  # whatever a client library raises, it means one thing here
            return None


def gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    """A gauge without labels."""
    return GaugeMetricFamily(name, text, value=value)


def counter(name: str, text: str, value: float) -> CounterMetricFamily:
    """A counter without labels; `_total` is appended where it is missing."""
    return CounterMetricFamily(name, text, value=value)
