"""The service's objectives as error budgets, and alerts on how fast they are spent.

An objective of a percentile becomes a share: p99 within 50 ms means that at most 1 % of the requests may take longer.
Three kinds of SLI have the same three series, by `sli` and `route` (of a chain, its name):

    route:slo_events:increase5m      what happened in five minutes
    route:slo_bad_events:increase5m  and what of it broke the promise
    route:slo_budget:ratio           the share that may

The burn rate over a window is the share of bad events in it over that budget. It is made of sums of events, never of
averaged ratios: an hour of night weighs as little as its few requests. A burn rate of 1 spends exactly the budget.

An alert wants the burn over a long window, so that there is something to it, and over a short one, so that it ends soon
after the cause; and at least ten bad events, because of three requests at night one slow one is no news.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from likestorm.scenario import objectives

from alerts.model import Alert, Recording, Severity, label, value
from service import catalog

OBJECTIVES = objectives.load(catalog.OBJECTIVES)

BASE = "5m"
LEAST_BAD_EVENTS = 10

_EVENTS, _BAD, _BUDGET = (
    f"route:slo_events:increase{BASE}",
    f"route:slo_bad_events:increase{BASE}",
    "route:slo_budget:ratio",
)


@dataclass(frozen=True)
class Window:
    """A pair of windows and the burn rate from which they alert; bases: how often BASE fits the long one."""

    long: str
    short: str
    factor: float
    pause: str
    severity: Severity
    bases: int


WINDOWS = (
    Window("1h", "5m", 14.4, "2m", "critical", 12),
    Window("6h", "30m", 6, "15m", "critical", 72),
    Window("1d", "2h", 3, "1h", "warning", 288),
    Window("3d", "6h", 1, "3h", "warning", 864),
)


@dataclass(frozen=True)
class Kind:
    """A kind of SLI: the alerts' prefix, the value of `sli`, and what is said of it."""

    prefix: str
    sli: str
    summary: str
    badness: str


KINDS = (
    Kind("Availability", "availability", "Too many requests of a route fail", "failed"),
    Kind("Latency", "latency", "Too many requests of a route take longer than promised", "were too slow"),
    Kind("Chain", "chain", "Effects of acknowledged requests come later than promised", "came too late"),
)


def _increase(series: str) -> str:
    return f"sum(increase({series}[{BASE}]))"


def _recordings(sli: str, route: str, events: str, bad: str, budget: float) -> Iterator[Recording]:
    """The three series of one objective."""
    labels = {"sli": sli, "route": route}
    yield Recording(_EVENTS, events, labels)
    yield Recording(_BAD, bad, labels)
    yield Recording(_BUDGET, f"vector({budget:g})", labels)


def _above(histogram: str, matchers: str, seconds: float) -> tuple[str, str]:
    """How many were observed, and how many of them above a bound that the histogram has."""
    events = _increase(f"{histogram}_count{{{matchers}}}")
    within = _increase(f'{histogram}_bucket{{{matchers},le="{float(seconds)}"}}')
    return events, f"{events} - {within}"


def _of_route(objective: objectives.Objective) -> Iterator[Recording]:
    method, _, rule = objective.route.partition(" ")
    matchers = f'method="{method}",route="{rule}"'
    requests = catalog.HTTP_REQUESTS.name
    events = _increase(f"{requests}{{{matchers}}}")
    failed = _increase(f'{requests}{{{matchers},status=~"5.."}}')
    yield from _recordings(
        "availability", objective.route, events, f"{failed} or 0 * sum({requests}{{{matchers}}})", objective.error_ratio
    )
    timed, slow = _above(catalog.HTTP_DURATION.name, matchers, objective.seconds)
    yield from _recordings("latency", objective.route, timed, slow, _beyond(objective.percentile))


def _of_chain(objective: objectives.ChainObjective) -> Iterator[Recording]:
    events, late = _above(catalog.CHAIN_DURATION.name, f'chain="{objective.chain}"', objective.seconds)
    yield from _recordings("chain", objective.chain, events, late, _beyond(objective.percentile))


def _beyond(percentile: float) -> float:
    """The share that a percentile leaves over."""
    return round(1 - percentile / 100, 6)


def _burn(window: str) -> Recording:
    counts = f"sum_over_time({_BAD}[{window}]) / sum_over_time({_EVENTS}[{window}])"
    return Recording(f"route:slo_burn:ratio_{window}", f"{counts} / {_BUDGET}")


def _alert(kind: Kind, window: Window) -> Alert:
    selector = f'{{sli="{kind.sli}"}}'
    return Alert(
        f"{kind.prefix}Burn{window.long}",
        f"route:slo_burn:ratio_{window.long}{selector} > {window.factor:g}\n"
        f"and route:slo_burn:ratio_{window.short}{selector} > {window.factor:g}\n"
        f"and {window.bases} * avg_over_time({_BAD}{selector}[{window.long}]) >= {LEAST_BAD_EVENTS}\n",
        window.pause,
        window.severity,
        f"{kind.summary}, measured over {window.long}.",
        f"{label('route')}: so many {kind.badness} that the error budget is spent {value('%.1f')} times as fast as it "
        f"may be, over {window.long} and over {window.short}.",
    )


RECORDINGS: tuple[Recording, ...] = (
    *(each for objective in OBJECTIVES.routes.values() for each in _of_route(objective)),
    *(each for objective in OBJECTIVES.chains.values() for each in _of_chain(objective)),
    *(_burn(window) for window in sorted({w for each in WINDOWS for w in (each.long, each.short)})),
)
ALERTS: tuple[Alert, ...] = tuple(_alert(kind, window) for kind in KINDS for window in WINDOWS)
