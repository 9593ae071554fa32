"""Metrics that are not kept: what observing costs is found by leaving it out (LIKESTORM_METRICS=0)."""

from collections.abc import Callable
from typing import Any

from service.catalog import Metric
from service.telemetry.metrics import Metrics


class Silence(Metrics):
    """Stands for Metrics and keeps nothing; neither requests nor stores are wrapped in timers."""

    is_kept = False

    def __init__(self) -> None:
        """Without any metric, in memory or in files."""

    def counter(self, metric: Metric, *labels: str) -> Any:  # noqa: ARG002
        """What may be counted up."""
        return _NOTHING

    def tally(self, metric: Metric, *labels: str, when: Callable[[Any], bool]) -> Callable[[Any], object]:  # noqa: ARG002
        """What may be told anything."""
        return _NOTHING.observe

    def watch(self, metric: Metric, read: Callable[[], float]) -> None:
        """Never looked at."""

    def histogram(self, metric: Metric, *labels: str) -> Any:  # noqa: ARG002
        """What may be observed."""
        return _NOTHING

    def close(self) -> None:
        """With nothing to be kept."""


class _Nothing:
    """Takes any value and forgets it."""

    __slots__ = ()

    def inc(self, amount: float = 1) -> None:
        """Not counted."""

    def observe(self, amount: float) -> None:
        """Not observed."""


_NOTHING = _Nothing()


def choose(is_kept: bool) -> Metrics:
    """The metrics of a process, or none."""
    return Metrics() if is_kept else Silence()
