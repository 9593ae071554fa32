"""Whether the warm-up was really over when the window began, judged from the window itself: pure."""

from __future__ import annotations

import math
from statistics import median

from likestorm.results.record import Record
from likestorm.results.record.traffic import Arrivals
from likestorm.results.record.verdict import ValidityCheck
from likestorm.scenario import Scenario

STEADY = ("constant", "poisson")
FIRST_SHARE = 0.2
SHORTEST_S = 16
"""Of a shorter window, too few seconds lie in the first fifth to be told from chance."""
LOWEST_RATE = 10
"""Arrivals a second; the median of a second with fewer says little."""
CHANCE = 0.01
LEAST_MS = 1.0


def check_warm_up(record: Record, scenario: Scenario) -> ValidityCheck:
    """Compare each schedule's medians of the seconds of the window's first fifth with those of the rest.

    Only a first part that is slower speaks of an unfinished warm-up; one that is faster is a target that fills up. It
    must be slower by the factor, by LEAST_MS, and by more than chance would have it (Mann-Whitney, one-sided).
    """
    advice = "The window's first seconds are still slower than the rest: make warm_up_s longer."
    factor = scenario.limits.warm_up_factor
    limit = f"first fifth < {factor:g} times the rest"
    is_steady = all(plan.schedule in STEADY for plan in scenario.arrivals.values())
    levels = {name: _levels(a, record.scenario.duration_s) for name, a in record.arrivals.items() if is_steady}
    compared = {name: both for name, both in levels.items() if both}
    if not compared:
        said = f"cannot be told (under {SHORTEST_S} s, under {LOWEST_RATE}/s, or a rate that changes)"
        return ValidityCheck("warm-up over", limit, said, "noted", advice)
    cold = {name: levels for name, levels in compared.items() if _is_slower(*levels, factor)}
    shown = cold or dict([max(compared.items(), key=lambda item: _ratio(*item[1]))])
    said = ", ".join(
        f"{name} {median(first):.3g} ms, then {median(rest):.3g} ms" for name, (first, rest) in shown.items()
    )
    return ValidityCheck("warm-up over", limit, said, "failed" if cold else "ok", advice)


def _levels(arrivals: Arrivals, seconds: float) -> tuple[list[float], list[float]] | None:
    """The medians of the first fifth's seconds and of the others; None where nothing can be told."""
    medians = arrivals.timeline.p50_ms
    if arrivals.rate < LOWEST_RATE or seconds < SHORTEST_S:
        return None
    split = math.ceil(FIRST_SHARE * len(medians))
    first = [value for value in medians[:split] if value is not None]
    rest = [value for value in medians[split:] if value is not None]
    return (first, rest) if len(first) + 1 >= split and len(rest) >= 3 * split else None


def _ratio(first: list[float], rest: list[float]) -> float:
    return median(first) / median(rest)


def _is_slower(first: list[float], rest: list[float], factor: float) -> bool:
    if _ratio(first, rest) < factor or median(first) - median(rest) < LEAST_MS:
        return False
    from scipy.stats import mannwhitneyu

    return bool(mannwhitneyu(first, rest, alternative="greater", method="exact").pvalue < CHANCE)
