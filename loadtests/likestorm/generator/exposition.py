"""Serves the generator's metrics to Prometheus while a run goes on; needs the extra `prometheus`."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TypeVar

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from likestorm.generator import metrics
from likestorm.generator.abort_rule import limits
from likestorm.generator.metrics import LoadMetric
from likestorm.generator.plan import Plan
from likestorm.generator.recorder import DROPPED, OUTCOMES, UNFINISHED, Recorder
from likestorm.scenario.schedule import Arrival

HOST = "127.0.0.1"

Family = TypeVar("Family", CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily)


@dataclass
class _Durations:
    """Durations counted by bucket."""

    bounds: Sequence[float]
    seconds: float = 0.0
    counts: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def record(self, seconds: float) -> None:
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.seconds += seconds

    def buckets(self, censored: int = 0) -> list[tuple[str, float]]:
        """Cumulative counts by upper bound, with censored durations above every bound."""
        names = [*map(str, self.bounds), "+Inf"]
        return list(zip(names, accumulate([*self.counts[:-1], self.counts[-1] + censored]), strict=True))


class ExposedRecorder(Recorder, Collector):
    """A recorder that also counts for Prometheus, from the first arrival on, warm-up included.

    Dropped, unfinished and timed-out arrivals count above every bound of the response times, so that a percentile among
    them is unknown and never too small; other failures appear in the outcomes only.
    """

    def __init__(self, plan: Plan) -> None:
        scenario = plan.scenario
        super().__init__(scenario.steps, scenario.warm_up_s, scenario.duration_s, limits(scenario.budgets))
        self._run_id = plan.run_id
        self._responses = {name: _Durations(metrics.RESPONSE.buckets) for name in scenario.steps}
        self._timeouts: Counter[str] = Counter()
        self._lag = _Durations(metrics.DISPATCH_LAG.buckets)

    def dispatched(self, arrival: Arrival, lag: float) -> None:
        """Count an arrival that was dispatched `lag` seconds after it was due."""
        super().dispatched(arrival, lag)
        self._lag.record(lag)

    def arrival_ended(self, arrival: Arrival, response: float, now: float, *, failed: bool, timed_out: bool) -> None:
        """Count an arrival whose steps ended."""
        super().arrival_ended(arrival, response, now, failed=failed, timed_out=timed_out)
        if timed_out:
            self._timeouts[arrival.name] += 1
        elif not failed:
            self._responses[arrival.name].record(response)

    def collect(self) -> Iterator[Metric]:
        """The metrics of metrics.LOAD_METRICS with their values now."""
        offered = _family(CounterMetricFamily, metrics.OFFERED)
        arrivals = _family(CounterMetricFamily, metrics.ARRIVALS)
        in_flight = _family(GaugeMetricFamily, metrics.IN_FLIGHT)
        response = _family(HistogramMetricFamily, metrics.RESPONSE)
        lag = _family(HistogramMetricFamily, metrics.DISPATCH_LAG)
        for name, durations in self._responses.items():
            labels, outcomes, started = (self._run_id, name), self.outcomes[name], self.started[name]
            offered.add_metric(labels, started)
            for outcome in OUTCOMES:
                arrivals.add_metric((*labels, outcome), outcomes[outcome])
            in_flight.add_metric(labels, started - outcomes.total())
            censored = outcomes[DROPPED] + outcomes[UNFINISHED] + self._timeouts[name]
            response.add_metric(labels, durations.buckets(censored), durations.seconds)
        lag.add_metric((self._run_id,), self._lag.buckets(), self._lag.seconds)
        yield from (offered, arrivals, in_flight, response, lag)


def serve(plan: Plan, port: int) -> ExposedRecorder:
    """A recorder whose metrics are served at http://127.0.0.1:port/metrics; OSError for a port that is in use."""
    recorder = ExposedRecorder(plan)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(recorder)
    start_http_server(port, HOST, registry)
    return recorder


def _family(kind: type[Family], metric: LoadMetric) -> Family:
    return kind(metric.name, metric.help, labels=metric.labels)
