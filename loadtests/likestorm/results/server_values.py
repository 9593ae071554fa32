"""The values of a budget's PromQL over the window of a run."""

import math

from likestorm.results.prometheus import Prometheus, PrometheusError
from likestorm.results.record.target import PromqlValue
from likestorm.scenario import PromqlBudget

TENTH, WINDOW = "$tenth", "$window"
PARTS = 10


class _AbsentError(Exception):
    """A query whose result is not one number."""


def evaluate(prometheus: Prometheus, budget: PromqlBudget, start: float, end: float) -> PromqlValue:
    """The value at the end of the window, or at the end of each tenth (Unix time), or the problem with the query."""
    part = (end - start) / PARTS
    query = budget.promql.replace(WINDOW, _duration(end - start)).replace(TENTH, _duration(part))
    times = [start + part * number for number in range(1, PARTS + 1)] if TENTH in budget.promql else [end]
    try:
        return PromqlValue(budget.name, budget.promql, [_single(prometheus, query, at) for at in times])
    except (_AbsentError, PrometheusError) as absent:
        return PromqlValue(budget.name, budget.promql, [], str(absent))


def _single(prometheus: Prometheus, query: str, at: float) -> float:
    series = prometheus.range(query, at, at)
    if not series:
        raise _AbsentError("the query gives nothing")
    if len(series) > 1:
        raise _AbsentError(f"the query gives {len(series)} series and must give one: aggregate them, with sum or max")
    [value] = series[0].values
    if not math.isfinite(value):
        raise _AbsentError("the query gives no number (a division by zero?)")
    return value


def _duration(seconds: float) -> str:
    return f"{math.ceil(seconds * 1e3)}ms"
