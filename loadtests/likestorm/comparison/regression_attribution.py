"""The tier that made a request slower than in the baseline, from the time splits of both sides: pure."""

from collections.abc import Iterator, Sequence

from likestorm.attribution import Cause, doubt_coverage, name_increase
from likestorm.results.comparison import Change, Slower, Tier
from likestorm.results.record import Record
from likestorm.results.record.timesplit import Composition, TierWait

MEDIAN = 50.0


def find(base: Sequence[Record], candidate: Sequence[Record], changes: Sequence[Change]) -> list[Slower]:
    """The requests with a percentile whose whole interval is above the baseline, and where their time went.

    Requests without a time split in every run are left out.
    """
    rose: dict[str, float] = {}
    for change in changes:
        if change.kind == "request" and change.percentile is not None and change.low is not None and change.low > 0:
            rose[change.what] = min(change.percentile, rose.get(change.what, change.percentile))
    split = (what for what in rose if all(what in record.timing for record in (*base, *candidate)))
    return [_slower(what, rose[what], base, candidate) for what in split]


def _slower(what: str, percentile: float, base: Sequence[Record], candidate: Sequence[Record]) -> Slower:
    at_median = percentile == MEDIAN
    before, now = (_mean([_part(record, what, at_median) for record in side]) for side in (base, candidate))
    words = "answers around the median take longer than" if at_median else "slow answers take longer than"
    cause = name_increase(before, now, f"{words} the base's", _tier_waits(candidate))
    if doubt := next(_doubts(what, (*base, *candidate), at_median), ""):
        cause = Cause(None, f"which tier grew is not known: {doubt}")
    return Slower(what, percentile, cause.tier, cause.text, _tiers(before, now))


def _part(record: Record, what: str, at_median: bool) -> Composition:
    split = record.timing[what]
    return split.median if at_median else split.slow


def _mean(parts: Sequence[Composition]) -> Composition:
    """The mean of several runs with equal weights, so that tiers still add up to the total."""
    count, tiers = len(parts), dict.fromkeys(tier for part in parts for tier in part.tiers_ms)
    means = {tier: sum(part.tiers_ms.get(tier, 0.0) for part in parts) / count for tier in tiers}
    return Composition(sum(part.samples for part in parts), sum(part.total_ms for part in parts) / count, means)


def _doubts(what: str, records: Sequence[Record], at_median: bool) -> Iterator[str]:
    for record in records:
        requests = record.requests[what]
        if not at_median and requests.censored:
            yield "some of the slowest were never answered"
        if uncovered := doubt_coverage(record.timing[what], requests):
            yield uncovered


def _tiers(before: Composition, now: Composition) -> list[Tier]:
    found = []
    for name, ms in now.tiers_ms.items():
        was = before.tiers_ms.get(name, 0.0)
        if ms > was:
            found.append(Tier(name, was, ms, _share(was, before), _share(ms, now)))
    return sorted(found, key=lambda tier: tier.base_ms - tier.candidate_ms)


def _share(ms: float, whole: Composition) -> float:
    total = sum(whole.tiers_ms.values())
    return ms / total if total else 0.0


def _tier_waits(records: Sequence[Record]) -> list[TierWait]:
    """The sums of the records' waits by tier."""
    found: dict[tuple[str, str, str], TierWait] = {}
    for each in (each for record in records for each in record.tier_waits):
        key = each.tier, each.behind, each.source
        before = found.get(key, TierWait(*key, 0.0, 0.0))
        found[key] = TierWait(*key, before.wait_s + each.wait_s, before.work_s + each.work_s)
    return list(found.values())
