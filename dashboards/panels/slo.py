"""Objectives: how fast each error budget is spent, from objectives.toml."""

# fmt: off
from likestorm.panels.model import Dashboard, Panel, Row, Threshold
from likestorm.scenario.objectives import ChainObjective, Objective

from alerts.slo import OBJECTIVES

SPENT, PAGES = 1.0, 14.4
"""Burn rates: 1 spends the budget exactly; 14.4 spends a month's budget in two days, and pages at once."""
LEVELS = (Threshold(SPENT, "more than the budget"), Threshold(PAGES, "a month's budget in two days"))
NOW, HOUR, SIX_HOURS = "5m", "1h", "6h"
PERIODS = {NOW: "5 minutes", HOUR: "1 hour", SIX_HOURS: "6 hours"}
NO_TRAFFIC = "There was no request to a route with an objective in this period."
NO_EFFECTS = "There was no asynchronous effect in this period."


def latency_burn(objective: Objective, window: str) -> str:
    """PromQL: the share of a route's requests above its limit, divided by the share that its percentile allows."""
    return _burn("likestorm_http_request_duration_seconds", _route(objective), objective, window)


def chain_burn(objective: ChainObjective, window: str) -> str:
    """PromQL: the share of a chain's effects above its limit, divided by the share that its percentile allows."""
    return _burn("likestorm_chain_duration_seconds", f'job="worker",chain="{objective.chain}"', objective, window)


def error_burn(objective: Objective, window: str) -> str:
    """PromQL: the share of a route's requests that failed, divided by its error ratio."""
    matchers = _route(objective)
    total = f"sum(rate(likestorm_http_requests_total{{{matchers}}}[{window}]))"
    failed = f'sum(rate(likestorm_http_requests_total{{{matchers},status=~"5.."}}[{window}]))'
    return f"({failed} or 0 * {total}) / ({total} > 0) / {objective.error_ratio:g}"


def _route(objective: Objective) -> str:
    method, route = objective.route.split(" ", 1)
    return f'job="app",method="{method}",route="{route}"'


def _burn(histogram: str, matchers: str, objective: Objective | ChainObjective, window: str) -> str:
    within = f'sum(rate({histogram}_bucket{{{matchers},le="{float(objective.seconds)}"}}[{window}]))'
    total = f"sum(rate({histogram}_count{{{matchers}}}[{window}]))"
    # The rates of two series differ in their last digits; a burn rate is never negative.
    return f"clamp_min(1 - {within} / ({total} > 0), 0) / {1 - objective.percentile / 100:g}"


def _queries(window: str) -> dict[str, str]:
    """PromQL by kind: the burn rate of each objective, with its name in the label `objective`."""
    routes, chains = OBJECTIVES.routes, OBJECTIVES.chains
    burns = {
        "latency": {name: latency_burn(each, window) for name, each in routes.items()},
        "errors": {name: error_burn(each, window) for name, each in routes.items()},
        "chains": {name: chain_burn(each, window) for name, each in chains.items()},
    }
    return {
        kind: "\nor ".join(f'label_replace({burn}, "objective", "{name}", "", "")' for name, burn in each.items())
        for kind, each in burns.items()
    }


def _state(kind: str, title: str, question: str) -> Panel:
    return Panel(
        f"slo-{kind}", f"{title}: burn rate",
        f"{question} The burn rate over 5 minutes: 1 × spends the error budget exactly, 14.4 × spends a month's budget "
        "in two days.",
        _queries(NOW)[kind], "{{objective}}", "suffix:×", thresholds=LEVELS, kind="tiles", height=8,
        empty=NO_EFFECTS if kind == "chains" else NO_TRAFFIC, more="slo",
    )


LATENCY_STATE = _state("latency", "Latency objectives", "Are responses within their latency limits?")
ERROR_STATE = _state("errors", "Error objectives", "Do requests succeed?")
CHAIN_STATE = _state("chains", "Asynchronous chains", "Do pushes, thumbnails, feeds and shared photos arrive in time?")


def _histories(window: str) -> tuple[Panel, ...]:
    """The burn rates of each kind over a sliding window."""
    spent = {
        "latency": ("Latency", "route's budget of slow requests"),
        "errors": ("Errors", "route's budget of failed requests"),
        "chains": ("Chains", "chain's budget of late effects"),
    }
    return tuple(
        Panel(
            f"slo-{kind}-{window}", f"{title}, {PERIODS[window]}",
            f"How fast is each {budget} spent, over a sliding window of {PERIODS[window]}?",
            _queries(window)[kind], "{{objective}}", "suffix:×", thresholds=LEVELS,
            empty=NO_EFFECTS if kind == "chains" else NO_TRAFFIC,
        )
        for kind, (title, budget) in spent.items()
    )


DASHBOARD = Dashboard(
    "slo", "SLO", "How fast each error budget is spent; service/objectives.toml has the objectives.",
    (
        Row("State", (LATENCY_STATE, ERROR_STATE, CHAIN_STATE)),
        Row("Fast burn", (*_histories(NOW), *_histories(HOUR))),
        Row("Slow burn", _histories(SIX_HOURS)),
    ),
)
