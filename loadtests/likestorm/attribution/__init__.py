"""Which tier made requests slow: pure, from what a record holds of where the time went; says so where it cannot tell.

The rule. Compare where the time of slow answers went with where it went before: in a baseline's slow answers where
there is one, or else in this run's median; and where the median itself is beyond the limit, with nothing at all.
Whatever grew most is named, if it makes up at least LEAST_SHARE of all growth. Slow are all that are nearer to the
slowest 1 % than to the median: the slowest alone are those that were caught in the middle of something when a process
stood still, and what they were at is not what was slow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from likestorm.results.record import Record
from likestorm.results.record.timesplit import Composition, TierWait, TimeSplit
from likestorm.results.record.traffic import Requests
from likestorm.results.record.verdict import BudgetResult

LEAST_SHARE = 0.35
"""Below it no tier stands out: when a machine is short of cores, all of them grow."""
LEAST_SAMPLES = 3
"""Of the slowest 1 %: fewer are an accident."""
LEAST_TOLD = 0.9
"""So many of the answers must have carried the header."""

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
    """The tier that made requests slow, None where that is not known, and the reason in words."""

    tier: str | None
    text: str


def label(tier: str) -> str:
    """A tier in words; one that only the target knows by the name that it gave it."""
    return LABELS.get(tier, tier)


def explained(result: BudgetResult, record: Record, request: str | None) -> BudgetResult:
    """A budget's result; where it is a broken one on a request's latency, with the tier that made it so."""
    split = record.timing.get(request or "")
    if result.status != "broken" or request is None or split is None:
        return result
    cause = explain(split, record.requests[request], result.limit, record.tier_waits)
    return replace(result, reason="; ".join(filter(None, (result.reason, cause.text))))


def explain(
    split: TimeSplit, requests: Requests, limit_ms: float, waits: Sequence[TierWait], baseline: TimeSplit | None = None
) -> Cause:
    """Why the slowest answers of a request are beyond a limit; `baseline` is the same of an earlier run."""
    doubt = _doubt(split, requests)
    if doubt:
        return Cause(None, f"which tier grew is not known: {doubt}")
    return _name(split, baseline, limit_ms, waits)


def _doubt(split: TimeSplit, requests: Requests) -> str:
    """Why the samples that tell where their time went say nothing of the slowest 1 %; empty where they do."""
    if requests.censored > (requests.count - requests.failures + requests.censored) / 200:
        return "most of the slowest 1 % were never answered"
    if untold := doubt_told(split, requests):
        return untold
    if split.slowest.samples < LEAST_SAMPLES:
        return f"{split.kept} answers are too few to have a slowest 1 %"
    return ""


def doubt_told(split: TimeSplit, requests: Requests) -> str:
    """Why too few answers told where their time went; empty where they were enough."""
    answered = requests.count - requests.failures
    return (
        "" if split.seen >= LEAST_TOLD * answered else f"{split.seen} of {answered} answers told where their time went"
    )


def _name(split: TimeSplit, before: TimeSplit | None, limit_ms: float, waits: Sequence[TierWait]) -> Cause:
    if before is not None:
        return name_growth(before.slow, split.slow, "slow answers take longer than the baseline's", waits)
    if split.median.total_ms > limit_ms:
        return name_growth(Composition(0, 0.0, {}), split.median, "the median itself takes", waits)
    return name_growth(split.median, split.slow, "slow answers take longer than the median", waits)


def name_growth(compared: Composition, slow: Composition, words: str, waits: Sequence[TierWait]) -> Cause:
    """Which tier makes up most of what one composition has over another; `words` say what that time is."""
    growth = {tier: ms - compared.tiers_ms.get(tier, 0.0) for tier, ms in slow.tiers_ms.items()}
    grown = {tier: ms for tier, ms in growth.items() if ms > 0}
    whole = sum(grown.values())
    if not grown:
        return Cause(None, "which tier grew is not known: none did")
    ranked = sorted(grown, key=lambda tier: -grown[tier])
    if grown[ranked[0]] < LEAST_SHARE * whole:
        first = ", ".join(f"{label(tier)} {grown[tier]:.3g} ms" for tier in ranked[:3])
        return Cause(None, f"which tier grew is not known: of {whole:.3g} ms that {words}, {first}")
    tier, aside = _behind(ranked[0], waits)
    return Cause(tier, f"{label(tier)}{aside} makes up {grown[ranked[0]]:.3g} of the {whole:.3g} ms that {words}")


def _behind(tier: str, waits: Sequence[TierWait]) -> tuple[str, str]:
    """The tier in which most of this tier's time was spent waiting, which the application cannot see."""
    for each in waits:
        if each.tier == tier and each.wait_s > each.work_s:
            share = each.wait_s / (each.wait_s + each.work_s)
            return each.behind, f" ({share:.0%} of the time of {label(tier)}, by the account of {each.source})"
    return tier, ""
