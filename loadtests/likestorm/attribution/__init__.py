"""The tier that made requests slow, from the time splits of a record: pure; says so if the tier is not known.

The rule compares where the time of slow answers goes with the median of the same run. If the median itself exceeds the
limit, its whole time counts. The tier with the largest increase is named if it makes up at least LEAST_SHARE of the
whole increase. "Slow" are all answers that are closer to the slowest 1 % than to the median: when a process stops, the
slowest 1 % alone are the answers that happened to be in progress, and the tier that they were in is not the cause.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from likestorm.results.record import Record
from likestorm.results.record.timesplit import Composition, TierWait, TimeSplit
from likestorm.results.record.traffic import Requests
from likestorm.results.record.verdict import BudgetResult

LEAST_SHARE = 0.35
"""Below this share no tier stands out: a machine that is short of cores slows down all tiers."""
LEAST_SAMPLES = 3
"""Fewer samples in the slowest 1 % are chance."""
LEAST_COVERAGE = 0.9
"""The share of answers that must have the header."""

LABELS: Mapping[str, str] = {
    "client-queue": "the load generator's own queue",
    "network": "the network",
    "nginx": "nginx",
    "wait": "the app's backlog",
    "app": "the app",
    "pool": "the wait for a database connection",
    "db": "the database",
    "cache": "the cache",
    "redis": "Redis",
    "queue": "the job queue",
    "store": "the object store",
}


@dataclass(frozen=True)
class Cause:
    """The tier that made requests slow, None if it is not known, and the reason in words."""

    tier: str | None
    text: str


def label(tier: str) -> str:
    """A tier in words; an unknown tier keeps the target's own name."""
    return LABELS.get(tier, tier)


def explained(result: BudgetResult, record: Record, request: str | None) -> BudgetResult:
    """The result of a budget, with the cause if it is a broken latency budget of a request with a time split."""
    split = record.timing.get(request or "")
    if result.status != "broken" or request is None or split is None:
        return result
    cause = explain(split, record.requests[request], result.limit, record.tier_waits)
    return replace(result, reason="; ".join(filter(None, (result.reason, cause.text))))


def explain(split: TimeSplit, requests: Requests, limit_ms: float, waits: Sequence[TierWait]) -> Cause:
    """Why the slow answers of a request exceed a limit."""
    if doubt := _doubt(split, requests):
        return Cause(None, f"which tier grew is not known: {doubt}")
    if split.median.total_ms > limit_ms:
        return name_increase(Composition(0, 0.0, {}), split.median, "the median itself takes", waits)
    return name_increase(split.median, split.slow, "slow answers take longer than the median", waits)


def _doubt(split: TimeSplit, requests: Requests) -> str:
    """Why the time split does not represent the slowest 1 %; empty if it does."""
    if requests.censored > (requests.count - requests.failures + requests.censored) / 200:
        return "most of the slowest 1 % were never answered"
    if uncovered := doubt_coverage(split, requests):
        return uncovered
    if split.slowest.samples < LEAST_SAMPLES:
        return f"{split.kept} answers are too few to have a slowest 1 %"
    return ""


def doubt_coverage(split: TimeSplit, requests: Requests) -> str:
    """Why too few answers had the header; empty if there were enough."""
    answered = requests.count - requests.failures
    if split.seen >= LEAST_COVERAGE * answered:
        return ""
    return f"only {split.seen} of {answered} answers had a Server-Timing header"


def name_increase(reference: Composition, slow: Composition, words: str, waits: Sequence[TierWait]) -> Cause:
    """The tier with most of the increase of one composition over a reference; `words` describe the increase."""
    increases = {tier: ms - reference.tiers_ms.get(tier, 0.0) for tier, ms in slow.tiers_ms.items()}
    grown = {tier: ms for tier, ms in increases.items() if ms > 0}
    if not grown:
        return Cause(None, "which tier grew is not known: none did")
    whole = sum(grown.values())
    ranked = sorted(grown, key=lambda tier: -grown[tier])
    if grown[ranked[0]] < LEAST_SHARE * whole:
        first = ", ".join(f"{label(tier)} {grown[tier]:.3g} ms" for tier in ranked[:3])
        return Cause(None, f"which tier grew is not known: of {whole:.3g} ms that {words}, {first}")
    tier, aside = _behind(ranked[0], waits)
    return Cause(tier, f"{label(tier)}{aside} makes up {grown[ranked[0]]:.3g} of the {whole:.3g} ms that {words}")


def _behind(tier: str, waits: Sequence[TierWait]) -> tuple[str, str]:
    """The tier in which operations of this tier mostly waited, which the application cannot see."""
    for each in waits:
        if each.tier == tier and each.wait_s > each.work_s:
            share = each.wait_s / (each.wait_s + each.work_s)
            return each.behind, f" ({share:.0%} of the time of {label(tier)}, as {each.source} reports)"
    return tier, ""
