"""Metrics that keep nothing, for LIKESTORM_METRICS=0: what metrics cost is measured against a service without them."""

from typing import Any

from service.catalog import Metric
from service.telemetry.metrics import Metrics


class NullMetrics(Metrics):
    """Takes the place of Metrics and keeps nothing; neither requests nor stores are wrapped in timers."""

    is_kept = False

    def __init__(self) -> None:
        """Create no metric, neither in memory nor in files."""

    def counter(self, metric: Metric, *labels: str) -> Any:  # noqa: ARG002
        """A counter that keeps nothing."""
        return _NULL

    def gauge(self, metric: Metric) -> Any:  # noqa: ARG002
        """A gauge that keeps nothing."""
        return _NULL

    def histogram(self, metric: Metric, *labels: str) -> Any:  # noqa: ARG002
        """A histogram that keeps nothing."""
        return _NULL


class _NullMetric:
    def inc(self, amount: float = 1) -> None:
        """Keep nothing."""

    def dec(self, amount: float = 1) -> None:
        """Keep nothing."""

    def observe(self, amount: float) -> None:
        """Keep nothing."""


_NULL = _NullMetric()


def choose(is_kept: bool) -> Metrics:
    """The metrics of a process, or NullMetrics."""
    return Metrics() if is_kept else NullMetrics()
