"""Proxies of stores that time every operation, count every failure, and pass results to observers."""

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any, NamedTuple, TypeVar, cast

from service import catalog
from service.catalog import Metric
from service.telemetry import server_timing
from service.telemetry.metrics import Metrics

Store = TypeVar("Store")


class Observer(NamedTuple):
    """Callbacks of an operation: `returned` gets its result, `failed` is called when it raised."""

    returned: Callable[[Any], object]
    failed: Callable[[], object] | None = None


def measured(
    store: Store, name: str, metrics: Metrics, observers: Mapping[str, Observer], *, placing: bool = False
) -> Store:
    """A proxy of `store` with the same methods; `observers` by the name of the method.

    placing: the durations of operations go to Server-Timing too. Returns the store itself where no metrics are kept.
    """
    return cast(Store, _Measured(store, name, metrics, observers, placing)) if metrics.is_kept else store


class _Measured:
    """Wraps each method on first access and keeps the wrapper, so that label values are looked up once."""

    def __init__(
        self, store: object, name: str, metrics: Metrics, observers: Mapping[str, Observer], placing: bool
    ) -> None:
        self._store = store
        self._name = name
        self._metrics = metrics
        self._observers = observers
        self._placing = placing

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        method = getattr(self._store, operation)
        if self._placing:
            method = server_timing.placed(method, self._name)
        timed = _timed(method, self._name, operation, self._metrics, self._observers.get(operation))
        setattr(self, operation, timed)
        return timed


def counting(metrics: Metrics, metric: Metric, *labels: str, when: Callable[[Any], object] | None = None) -> Observer:
    """Counts the operations whose result is not None and, with `when`, fulfils it."""
    counter = metrics.counter(metric, *labels)

    def count(result: object) -> None:
        if result is not None and (when is None or when(result)):
            counter.inc()

    return Observer(count)


def lookups(metrics: Metrics, cache: str) -> Observer:
    """Counts lookups in a cache as hits, misses (a result of None) and errors."""
    hit, miss, error = (
        metrics.counter(catalog.CACHE_REQUESTS, cache, result).inc for result in ("hit", "miss", "error")
    )

    def observe(result: object) -> None:
        if result is None:
            miss()
        else:
            hit()

    return Observer(observe, error)


def _timed(
    method: Callable[..., Any], store: str, operation: str, metrics: Metrics, observer: Observer | None
) -> Callable[..., Any]:
    observe_duration = metrics.histogram(catalog.STORE_DURATION, store, operation).observe
    count_error = metrics.counter(catalog.STORE_ERRORS, store, operation).inc
    returned, failed = observer or (None, None)

    def call(*args: Any, **kwargs: Any) -> Any:
        started = perf_counter()
        try:
            result = method(*args, **kwargs)
        except Exception:
            count_error()
            if failed:
                failed()
            raise
        finally:
            observe_duration(perf_counter() - started)
        if returned:
            returned(result)
        return result

    return call
