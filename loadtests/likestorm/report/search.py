"""How the report says what a search for the highest rate has found."""

from __future__ import annotations

from dataclasses import dataclass

from likestorm.results.record.verdict import Capacity, CapacityStep, Estimate
from likestorm.units import limit, number, quantity

HEADS = ("offered", "runs", "passed", "completed", "under way", "p99")


@dataclass(frozen=True)
class Told:
    """A search in words and as a table."""

    said: list[str]
    heads: tuple[str, ...]
    rows: list[list[str]]


def tell(found: Capacity) -> Told:
    """All that is said of a search."""
    return Told(say_capacity(found), HEADS, list_steps(found))


def list_steps(found: Capacity) -> list[list[str]]:
    """A row a rate: how many runs it had, how many passed, and what they completed, in the order of rates."""
    rows = []
    for rate in sorted({step.rate for step in found.steps}):
        runs = [step for step in found.steps if step.rate == rate]
        rows.append(
            [
                limit(rate, "/s"),
                f"{len(runs)}",
                f"{sum(step.status == 'pass' for step in runs)}",
                ", ".join(number(step.throughput) for step in runs),
                ", ".join(number(step.concurrency) for step in runs),
                ", ".join(_p99(step) for step in runs),
            ]
        )
    return rows


def say_capacity(found: Capacity) -> list[str]:
    """The highest rate that holds, and the law with its intervals, in sentences."""
    if found.holds is None:
        said = [f"No rate of {found.arrivals} held: the lowest, {limit(found.steps[0].rate, '/s')}, did not."]
    elif found.fails is None:
        said = [f"{limit(found.holds, '/s')} of {found.arrivals} held; nothing higher was tried."]
    else:
        said = [
            f"The highest rate of {found.arrivals} that holds is {limit(found.holds, '/s')}: most of its runs passed. "
            f"Of {limit(found.fails, '/s')} most did not. Between the two lies what these runs cannot tell."
        ]
    law = found.law
    if law is None:
        return [*said, "Too few steps were steady for a fit of the universal scalability law."]
    return [
        *said,
        f"Universal scalability law X(N) = λN / (1 + σ(N−1) + κN(N−1)) through {law.points} runs, with 95 % intervals: "
        f"λ = {_estimate(law.rate, '/s')}, σ = {_estimate(law.contention)}, κ = {_estimate(law.coherency)}; "
        f"at most {_estimate(law.peak, '/s')} at any concurrency.",
    ]


def _p99(step: CapacityStep) -> str:
    return quantity(step.p99_ms, "ms")


def _estimate(estimate: Estimate, unit: str = "short") -> str:
    high = "no bound" if estimate.high is None else quantity(estimate.high, unit)
    return f"{quantity(estimate.value, unit)} ({quantity(estimate.low, unit)} to {high})"
