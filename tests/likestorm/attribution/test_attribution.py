"""Which tier is named, as a table of where the time went."""

from dataclasses import replace
from functools import cache

import pytest
from likestorm import attribution
from likestorm.attribution import explain
from likestorm.results import histogram
from likestorm.results.record.timesplit import Composition, TierWait, TimeSplit
from likestorm.results.record.traffic import Requests
from likestorm.results.record.verdict import BudgetResult

from tests.likestorm import records

USUAL = {"network": 0.6, "nginx": 0.4, "wait": 0.4, "app": 1.2, "db": 0.9, "redis": 0.5}
LIMIT_MS = 50.0
CALM = [TierWait("db", "pool", "PgBouncer", 0.1, 20.0)]
WAITING = [TierWait("db", "pool", "PgBouncer", 30.0, 4.0)]


def _composed(samples: int, **tiers: float) -> Composition:
    composed = USUAL | {tier.replace("_", "-"): ms for tier, ms in tiers.items()}
    return Composition(samples, sum(composed.values()), composed)


def _split(median: Composition | None = None, slowest: int = 10, **slow: float) -> TimeSplit:
    """Slow answers as given; the slowest were all caught at the same thing."""
    caught = _composed(slowest, cache=1e3)
    return TimeSplit(1000, 1000, median or _composed(100), caught, _composed(3 * slowest, **slow))


@cache
def requests() -> Requests:
    """A thousand of `like`, all answered."""
    return replace(records.passing().requests["like"], count=1000, failures=0, timeouts=0, censored=0)


@pytest.mark.parametrize(
    ("split", "waits", "tier"),
    [
        (_split(db=60), CALM, "db"),
        (_split(db=60), [], "db"),
        (_split(db=60), WAITING, "pool"),
        (_split(redis=60), WAITING, "redis"),
        (_split(client_queue=900.0), CALM, "client-queue"),
        (_split(of_their_own=60.0), CALM, "of-their-own"),
        # Everything waits for a core.
        (_split(network=20, nginx=20, wait=20, app=20, db=20), CALM, None),
        # The first has enough of the growth, whatever was large before.
        (_split(_composed(100, app=40.0), app=41.0, redis=15.0), CALM, "redis"),
        # The median is beyond the limit, and the slowest are slower for another reason.
        (_split(_composed(100, db=80.0), db=80.0, redis=15.0), CALM, "db"),
        (_split(), CALM, None),
        (_split(slowest=2, db=60), CALM, None),
    ],
)
def test_the_tier_that_grew_is_named(split: TimeSplit, waits: list[TierWait], tier: str | None) -> None:
    assert explain(split, requests(), LIMIT_MS, waits).tier == tier


@pytest.mark.parametrize(
    ("change", "because"),
    [
        ({"censored": 6}, "most of the slowest 1 % were never answered"),
        ({"count": 1200}, "only 1000 of 1200 answers had a Server-Timing header"),
    ],
)
def test_what_the_samples_cannot_bear_is_not_known(change: dict[str, int], because: str) -> None:
    cause = explain(_split(db=60), replace(requests(), **change), LIMIT_MS, CALM)  # type: ignore[arg-type]
    assert (cause.tier, cause.text) == (None, f"which tier grew is not known: {because}")


def test_the_reason_says_how_much_of_it() -> None:
    assert explain(_split(db=60.9, app=2.2), requests(), LIMIT_MS, CALM).text == (
        "the database makes up 60 of the 61 ms that slow answers take longer than the median"
    )
    assert (
        "88% of the time of the database, as PgBouncer reports"
        in explain(_split(db=60), requests(), LIMIT_MS, WAITING).text
    )


def _broken() -> BudgetResult:
    return BudgetResult("like p99", "at most", 50.0, "ms", 61.0, 58.0, 64.0, 1000, "broken", "")


def test_only_a_broken_budget_of_a_target_that_tells_gets_a_reason() -> None:
    record = replace(records.passing(), requests={"like": requests()}, timing={"like": _split(db=60)}, tier_waits=CALM)
    assert attribution.explained(_broken(), record, "like").reason.startswith("the database makes up 59.1 of")
    assert attribution.explained(replace(_broken(), status="met"), record, "like").reason == ""
    assert attribution.explained(_broken(), replace(record, timing={}), "like").reason == ""


def test_the_verdict_names_it() -> None:
    record = records.passing()
    answered = record.requests["like"].count
    slow = histogram.of([0.080] * 200 + [0.010] * (answered - 200))
    likes = replace(record.requests["like"], histogram=slow.encode())
    split = replace(_split(db=60.9), seen=answered)
    record = replace(record, requests=record.requests | {"like": likes}, timing={"like": split})
    verdict = records.judged(record).verdict
    assert verdict is not None
    assert verdict.status == "breach"
    assert "over its limit of 50 ms: the database makes up 60 of the 60 ms that slow answers take" in verdict.reason
