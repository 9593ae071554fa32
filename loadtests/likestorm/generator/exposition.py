"""The run's own metrics, served by the swarm while it runs, so that clients and servers stand on one graph."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from likestorm.generator.abort_rule import rules
from likestorm.generator.plan import Plan
from likestorm.generator.recorder import Recorder
from likestorm.scenario.schedule import Arrival
from service import catalog

HOST = "127.0.0.1"


@dataclass
class _Durations:
    """Seconds counted by bucket; `censored` ones are known to be longer than any that was measured, not how long."""

    bounds: Sequence[float]
    seconds: float = 0.0
    counts: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def record(self, seconds: float) -> None:
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.seconds += seconds

    def censor(self) -> None:
        self.counts[-1] += 1

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative, with the upper bound of each as Prometheus writes it."""
        names = [*map(str, self.bounds), "+Inf"]
        return list(zip(names, accumulate(self.counts), strict=True))


@dataclass
class _Tally:
    offered: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    response: _Durations = field(default_factory=lambda: _Durations(catalog.LOAD_RESPONSE.buckets))


class ExposedRecorder(Recorder, Collector):
    """A recorder that also counts for Prometheus, from the first arrival on, warm-up included.

    Dropped, unfinished and timed-out arrivals stand above every bound of the response times, so that they can make a
    percentile unknown and never better; other failures are in the outcomes only.
    """

    def __init__(self, plan: Plan) -> None:
        scenario = plan.scenario
        super().__init__(scenario.steps, scenario.warm_up_s, scenario.duration_s, rules(scenario.budgets))
        self._run_id = plan.run_id
        self._tallies = {name: _Tally() for name in scenario.steps}
        self._dispatch_lag = _Durations(catalog.LOAD_LAG.buckets)

    def dispatched(self, arrival: Arrival, lag: float) -> None:
        """As Recorder's."""
        super().dispatched(arrival, lag)
        self._tallies[arrival.name].offered += 1
        self._dispatch_lag.record(lag)

    def offered(self, arrival: Arrival) -> None:
        """As Recorder's."""
        super().offered(arrival)
        self._tallies[arrival.name].offered += 1

    def arrival_ended(self, arrival: Arrival, response: float, now: float, *, failed: bool, timed_out: bool) -> None:
        """As Recorder's."""
        super().arrival_ended(arrival, response, now, failed=failed, timed_out=timed_out)
        tally = self._tallies[arrival.name]
        tally.outcomes["failed" if failed else "completed"] += 1
        if timed_out:
            tally.response.censor()
        elif not failed:
            tally.response.record(response)

    def arrival_dropped(self, arrival: Arrival) -> None:
        """As Recorder's."""
        super().arrival_dropped(arrival)
        self._never_ended(arrival, "dropped")

    def arrival_unfinished(self, arrival: Arrival, steps_done: int) -> None:
        """As Recorder's."""
        super().arrival_unfinished(arrival, steps_done)
        self._never_ended(arrival, "unfinished")

    def collect(self) -> Iterator[Metric]:
        """The metrics of catalog.LOAD_METRICS as they stand."""
        offered = _counter(catalog.LOAD_OFFERED)
        outcomes = _counter(catalog.LOAD_ARRIVALS)
        in_flight = _gauge(catalog.LOAD_IN_FLIGHT)
        response = _histogram(catalog.LOAD_RESPONSE)
        lag = _histogram(catalog.LOAD_LAG)
        for name, tally in self._tallies.items():
            offered.add_metric((self._run_id, name), tally.offered)
            for outcome in catalog.LOAD_OUTCOMES:
                outcomes.add_metric((self._run_id, name, outcome), tally.outcomes[outcome])
            in_flight.add_metric((self._run_id, name), tally.offered - tally.outcomes.total())
            response.add_metric((self._run_id, name), tally.response.buckets(), tally.response.seconds)
        lag.add_metric((self._run_id,), self._dispatch_lag.buckets(), self._dispatch_lag.seconds)
        yield from (offered, outcomes, in_flight, response, lag)

    def _never_ended(self, arrival: Arrival, outcome: str) -> None:
        tally = self._tallies[arrival.name]
        tally.outcomes[outcome] += 1
        tally.response.censor()


def recorder(plan: Plan) -> Recorder:
    """The recorder of a run, which is served at /metrics where the plan says on which port; OSError if it is taken."""
    if plan.metrics_port is None:
        scenario = plan.scenario
        return Recorder(scenario.steps, scenario.warm_up_s, scenario.duration_s, rules(scenario.budgets))
    exposed = ExposedRecorder(plan)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(exposed)
    start_http_server(plan.metrics_port, HOST, registry)
    return exposed


def _counter(metric: catalog.Metric) -> CounterMetricFamily:
    return CounterMetricFamily(metric.name, metric.help, labels=metric.labels)


def _gauge(metric: catalog.Metric) -> GaugeMetricFamily:
    return GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)


def _histogram(metric: catalog.Metric) -> HistogramMetricFamily:
    return HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
