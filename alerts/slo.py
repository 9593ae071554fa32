"""The service's objectives as error budgets, and alerts on the speed at which the budgets are spent.

An objective of a percentile is a share: p99 within 50 ms means that at most 1 % of the requests may take longer. Each
kind of SLI has the same three series, with the labels `sli` and `route` (for a chain, its name):

    route:slo_events:increase5m      events in five minutes
    route:slo_bad_events:increase5m  the events among them that break the objective
    route:slo_budget:ratio           the share of bad events that the objective allows

The burn rate over a window is the share of bad events in the window, divided by the budget. It uses sums of events,
never averages of ratios, so an hour with few requests has little weight. A burn rate of 1 spends the budget exactly.

An alert needs the burn rate over a long window, so that it has enough events, and over a short window, so that it ends
soon after the cause. It also needs ten bad events: at night, one slow request of three does not page.
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
    """Two windows and the burn rate above which they alert; bases: the number of BASE periods in the long window."""

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
    """A kind of SLI: the prefix of its alerts, its value of `sli`, its summary, and the fault of its bad events."""

    prefix: str
    sli: str
    summary: str
    fault: str


KINDS = (
    Kind("Availability", "availability", "Too many requests of a route fail", "too many requests fail"),
    Kind(
        "Latency", "latency", "Too many requests of a route exceed its latency objective", "too many requests are slow"
    ),
    Kind("Chain", "chain", "Too many effects of acknowledged requests are late", "too many effects are late"),
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
    """PromQL of the number of events, and of the events above a bound of the histogram's buckets."""
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
    """The share beyond a percentile."""
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
        f"{label('route')}: {kind.fault}. The error budget is spent {value('%.1f')} times as fast as allowed, over "
        f"{window.long} and over {window.short}.",
        f"{kind.prefix}Burn",
    )


RECORDINGS: tuple[Recording, ...] = (
    *(each for objective in OBJECTIVES.routes.values() for each in _of_route(objective)),
    *(each for objective in OBJECTIVES.chains.values() for each in _of_chain(objective)),
    *(_burn(window) for window in sorted({w for each in WINDOWS for w in (each.long, each.short)})),
)
ALERTS: tuple[Alert, ...] = tuple(_alert(kind, window) for kind in KINDS for window in WINDOWS)
