"""Objectives: how fast each one's error budget is being spent, from objectives.toml."""

from collections.abc import Mapping

from likestorm.panels.model import Dashboard, Panel, Row, Threshold
from likestorm.scenario.objectives import ChainObjective, Objective

from alerts.slo import OBJECTIVES

SPENT, PAGES = 1.0, 14.4
"""Burn rates: 1 spends the budget exactly, 14.4 spends a month's in two days and is what pages at once."""
LEVELS = (Threshold(SPENT, "more than the budget"), Threshold(PAGES, "two days spend a month's"))
NOW, HOUR, SIX_HOURS = "5m", "1h", "6h"
PERIODS = {NOW: "5 minutes", HOUR: "hour", SIX_HOURS: "6 hours"}


def latency_burn(objective: Objective, window: str) -> str:
    """PromQL: the share of a route's requests over its limit, in units of what its percentile allows."""
    method, route = objective.route.split(" ", 1)
    matchers = f'job="app",method="{method}",route="{route}"'
    return _burn("likestorm_http_request_duration_seconds", matchers, objective.seconds, objective.percentile, window)


def chain_burn(objective: ChainObjective, window: str) -> str:
    """PromQL: the share of a chain's effects that came too late, in units of what its percentile allows."""
    matchers = f'job="worker",chain="{objective.chain}"'
    return _burn("likestorm_chain_duration_seconds", matchers, objective.seconds, objective.percentile, window)


def error_burn(objective: Objective, window: str) -> str:
    """PromQL: the share of a route's requests that failed, in units of its error ratio."""
    method, route = objective.route.split(" ", 1)
    matchers = f'job="app",method="{method}",route="{route}"'
    total = f"sum(rate(likestorm_http_requests_total{{{matchers}}}[{window}]))"
    failed = f'sum(rate(likestorm_http_requests_total{{{matchers},status=~"5.."}}[{window}]))'
    return f"({failed} or 0 * {total}) / ({total} > 0) / {objective.error_ratio:g}"


def _burn(histogram: str, matchers: str, seconds: float, percentile: float, window: str) -> str:
    within = f'sum(rate({histogram}_bucket{{{matchers},le="{float(seconds)}"}}[{window}]))'
    total = f"sum(rate({histogram}_count{{{matchers}}}[{window}]))"
    # Rates of two series differ in their last digits, and nothing is burnt backwards.
    return f"clamp_min(1 - {within} / ({total} > 0), 0) / {1 - percentile / 100:g}"


def _each(burns: Mapping[str, str]) -> str:
    """Several burn rates as one query, each with its objective's name."""
    return "\nor ".join(f'label_replace({burn}, "objective", "{name}", "", "")' for name, burn in burns.items())


def _latency(window: str) -> str:
    return _each({name: latency_burn(each, window) for name, each in OBJECTIVES.routes.items()})


def _errors(window: str) -> str:
    return _each({name: error_burn(each, window) for name, each in OBJECTIVES.routes.items()})


def _chains(window: str) -> str:
    return _each({name: chain_burn(each, window) for name, each in OBJECTIVES.chains.items()})


def _state(name: str, title: str, question: str, query: str, empty: str) -> Panel:
    return Panel(
        name, title, f"{question} In units of what the objective allows, over 5 minutes: 1 × spends the error budget "
        "exactly, 14.4 × spends a month's in two days.",
        query, "{{objective}}", "suffix:×", thresholds=LEVELS, kind="tiles", height=8, empty=empty, more="slo",
    )  # fmt: skip


def _history(name: str, title: str, question: str, query: str, empty: str) -> Panel:
    return Panel(name, title, question, query, "{{objective}}", "suffix:×", thresholds=LEVELS, empty=empty)


NO_TRAFFIC = "No request of any route with an objective came in this time."
NO_EFFECTS = "No asynchronous effect came about in this time."

LATENCY_STATE = _state(
    "slo-latency", "Latency objectives: burn rate", "Are requests answered within their limits?",
    _latency(NOW), NO_TRAFFIC,
)  # fmt: skip
ERROR_STATE = _state(
    "slo-errors", "Error objectives: burn rate", "Are requests answered at all?",
    _errors(NOW), NO_TRAFFIC,
)  # fmt: skip
CHAIN_STATE = _state(
    "slo-chains", "Asynchronous chains: burn rate",
    "Do pushes, thumbnails, feeds and shared photos come in time?",
    _chains(NOW), NO_EFFECTS,
)  # fmt: skip


def _histories(window: str) -> tuple[Panel, Panel, Panel]:
    """How the burn rates of each kind went, over a sliding window."""
    period = f"over a sliding {PERIODS[window]}"
    return (
        _history(
            f"slo-latency-{window}", f"Latency, {PERIODS[window]}",
            f"How fast is each route's budget of slow requests spent, {period}?",
            _latency(window), NO_TRAFFIC,
        ),
        _history(
            f"slo-errors-{window}", f"Errors, {PERIODS[window]}",
            f"How fast is each route's budget of failed requests spent, {period}?",
            _errors(window), NO_TRAFFIC,
        ),
        _history(
            f"slo-chains-{window}", f"Chains, {PERIODS[window]}",
            f"How fast is each chain's budget of late effects spent, {period}?",
            _chains(window), NO_EFFECTS,
        ),
    )  # fmt: skip


DASHBOARD = Dashboard(
    "slo", "SLO", "How fast each objective's error budget is being spent: service/objectives.toml has the objectives.",
    (
        Row("State", (LATENCY_STATE, ERROR_STATE, CHAIN_STATE)),
        Row("Fast burn", (*_histories(NOW), *_histories(HOUR))),
        Row("Slow burn", _histories(SIX_HOURS)),
    ),
)  # fmt: skip
