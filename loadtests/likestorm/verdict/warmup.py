"""Whether the warm-up was over when the window began, judged from the window itself: pure."""

import math
from statistics import median

from likestorm.results.record import Record
from likestorm.results.record.traffic import Arrivals
from likestorm.results.record.verdict import ValidityCheck
from likestorm.scenario import Scenario

STEADY = ("constant", "poisson")
FIRST_SHARE = 0.2
SHORTEST_S = 16
"""The first fifth of a shorter window has too few seconds for the test."""
LOWEST_RATE = 10
"""Arrivals a second; at a lower rate the median of a second is too noisy."""
CHANCE = 0.01
LEAST_MS = 1.0


def check_warm_up(record: Record, scenario: Scenario) -> ValidityCheck:
    """Compare the medians of the seconds in the window's first fifth with those of the rest, for each schedule.

    A slower first part means that the warm-up was too short; a faster one means that the target fills up. The first
    part must be slower by the factor, by LEAST_MS, and significantly (Mann-Whitney, one-sided).
    """
    advice = "The first seconds of the window are slower than the rest: make warm_up_s longer."
    factor = scenario.limits.warm_up_factor
    limit = f"first fifth < {factor:g} times the rest"
    is_steady = all(plan.schedule in STEADY for plan in scenario.arrivals.values())
    levels = {name: _levels(a, record.scenario.duration_s) for name, a in record.arrivals.items() if is_steady}
    compared = {name: both for name, both in levels.items() if both}
    if not compared:
        observed = f"cannot be told (under {SHORTEST_S} s, under {LOWEST_RATE}/s, or a rate that changes)"
        return ValidityCheck("warm-up over", limit, observed, "noted", advice)
    cold = {name: both for name, both in compared.items() if _is_slower(*both, factor)}
    shown = cold or dict([max(compared.items(), key=lambda item: _ratio(*item[1]))])
    medians = (f"{name} {median(first):.3g} ms, then {median(rest):.3g} ms" for name, (first, rest) in shown.items())
    return ValidityCheck("warm-up over", limit, ", ".join(medians), "failed" if cold else "ok", advice)


def _levels(arrivals: Arrivals, seconds: float) -> tuple[list[float], list[float]] | None:
    """The medians of the seconds in the first fifth and in the rest; None with too little data."""
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
