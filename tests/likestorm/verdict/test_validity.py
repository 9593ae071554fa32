"""The checks of the measurement as a table: what a record holds, and which check must refuse to trust it."""

from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest
from likestorm.results.record import Record
from likestorm.results.record.target import HopCount, LedgerEntry, Reconciliation, ScrapeTarget
from likestorm.results.record.traffic import Percentiles, Vitals, Worker
from likestorm.results.record.verdict import BudgetResult, ValidityCheck, Verdict
from likestorm.scenario import Limits, Target
from likestorm.scenario.reading import load
from likestorm.verdict.judge import judge
from likestorm.verdict.validity import check_validity

from tests.likestorm import records

LAG = Percentiles(0.1, 0.3, 0.5, 25.0, 40.0, 300.0)


def _judge(record: Record) -> Verdict:
    return judge(record, load("likes"))


def _check(record: Record, name: str) -> ValidityCheck:
    [found] = [c for c in check_validity(record, load("likes"), []) if c.check == name]
    return found


def _generator(record: Record, **changes: object) -> Record:
    return replace(record, generator=replace(record.generator, **changes))  # type: ignore[arg-type]


def _vitals(record: Record, **changes: object) -> Record:
    """With a second process of the generator, which fares as it is told."""
    own = record.generator.vitals[0]
    return _generator(record, vitals=[own, replace(own, process="generator:2012", **changes)])  # type: ignore[arg-type]


def _hops(record: Record, nginx: int | None, app: int | None, **changes: int) -> Record:
    """As many more requests than clients had answered, at each hop."""
    hops = record.reconciliation
    assert isinstance(hops, Reconciliation)
    counts = [
        HopCount(hop, None if more is None else hops.answered + more, "" if more is not None else "was restarted")
        for hop, more in (("nginx", nginx), ("app", app))
    ]
    return replace(record, reconciliation=replace(hops, counts=counts, **changes))


def _offered(record: Record, more: int) -> Record:
    """As if so many more likes had been offered and completed, whatever the generator says was scheduled."""
    like = record.arrivals["like"]
    load = replace(like.load, offered=like.load.offered + more, completed=like.load.completed + more)
    whole = replace(record.load, offered=record.load.offered + more, completed=record.load.completed + more)
    return replace(_like(record, load=load, scheduled=load.offered), load=whole)


def _like(record: Record, **changes: object) -> Record:
    like = replace(record.arrivals["like"], **changes)  # type: ignore[arg-type]
    return replace(record, arrivals=record.arrivals | {"like": like})


def _timeline(record: Record, medians: list[float]) -> Record:
    return _like(record, timeline=replace(record.arrivals["like"].timeline, p50_ms=list(medians)))


def _renamed(record: Record) -> Record:
    return replace(record, requests=record.requests | {"search": record.requests["like"]})


def _worker(**changes: object) -> Worker:
    worker = Worker("worker 1 on generator", False, [10.0] * 60, 0.2, 0.4)
    return replace(worker, **changes)  # type: ignore[arg-type]


def _slow_start(record: Record) -> Record:
    return _timeline(record, [8.0 + k / 10 for k in range(12)] + [4.0 + k / 100 for k in range(48)])


INVALIDATING: dict[str, tuple[str, Callable[[Record], Record]]] = {
    "lost count": (
        "every arrival accounted for", lambda r: replace(r, load=replace(r.load, offered=r.load.offered + 1)),
    ),
    "offered less": ("offered against schedule", lambda r: _offered(r, -5)),
    "a step left out": ("mix of requests", lambda r: _like(r, steps=["like", "unlike"])),
    "asked something else": ("mix of requests", _renamed),
    "a worker silent": ("workers", lambda r: _generator(r, workers=[_worker(), _worker(silent_s=0.4)])),
    "a worker lost": ("workers", lambda r: _generator(r, workers=[_worker(), _worker(lost=True)])),
    "a skewed worker": ("clock skew between workers", lambda r: _generator(r, workers=[_worker(clock_ahead_ms=-60.5)])),
    "late": (
        "dispatch lag p99", lambda r: _generator(r, dispatch_lag_ms=replace(r.generator.dispatch_lag_ms, p99=20.5)),
    ),
    "blocked": ("event-loop lag p99", lambda r: _vitals(r, loop_lag_ms=LAG)),
    "one long collection": ("garbage collection", lambda r: _vitals(r, gc_longest_s=0.11)),
    "many collections": ("garbage collection", lambda r: _vitals(r, gc_total_s=0.7)),
    "out of CPU": ("generator CPU", lambda r: _generator(r, cpu_percent=[10.0] * 50 + [95.0] * 5)),
    "throttled": ("generator throttled", lambda r: _vitals(r, throttled_percent=3.0)),
    "stolen from": ("stolen CPU", lambda r: _vitals(r, steal_percent=10.5)),
    "clock stepped": ("clock steps", lambda r: _vitals(r, clock_step_s=0.2)),
    "cold": ("warm-up over", _slow_start),
    "not scraped each five seconds": (
        "scraping", lambda r: replace(r, scrapes=[ScrapeTarget("app", "app-2", 9, 15.5, 0.0, 5)]),
    ),
    "not scraped": ("scraping", lambda r: replace(r, scrapes=[ScrapeTarget("app", "app-2", 20, 41.0, 0.0)])),
    "answered by a cache": ("request reconciliation", lambda r: _hops(r, 0, -1)),
    "others ask as well": ("request reconciliation", lambda r: _hops(r, 1, 1)),
    "lost": ("ledger", lambda r: replace(r, ledger=[LedgerEntry("likes", 9, 9, 8, 1, 0, 0, 1)])),
    "phantom": ("ledger", lambda r: replace(r, ledger=[LedgerEntry("likes", 9, 9, 10, 0, 1, 0, 1)])),
    "phantom without an answer": ("ledger", lambda r: replace(r, ledger=[LedgerEntry("likes", 0, 0, 1, 0, 1, 0, 1)])),
}  # fmt: skip


@pytest.mark.parametrize("fault", INVALIDATING)
def test_each_check_can_fail_and_says_what_to_change(fault: str) -> None:
    name, spoil = INVALIDATING[fault]
    verdict = _judge(spoil(records.passing()))
    assert (verdict.status, verdict.exit_code) == ("invalid", 98)
    [failed] = [c for c in verdict.validity if c.status == "failed"]
    assert failed.check == name
    assert name in verdict.reason
    assert failed.advice in verdict.reason


def test_a_shorter_gap_than_usual_may_be_asked_of_what_is_scraped_each_second() -> None:
    scenario = msgspec.structs.replace(load("likes"), limits=Limits(scrape_gap_s=2.5))
    run = replace(records.passing(), scrapes=[ScrapeTarget("app", "app-2", 57, 2.9, 0.0)])
    assert "scraping" in [c.check for c in check_validity(run, scenario, []) if c.status == "failed"]


def test_a_clean_run_fails_no_check_and_every_check_has_a_limit_and_advice() -> None:
    checks = check_validity(records.passing(), load("likes"), [])
    assert {c.status for c in checks} == {"ok", "noted"}
    assert {c.check for c in checks if c.status == "noted"} == {
        "generator throttled",
        "pressure on the generator's machine",
    }
    assert len({c.check for c in checks}) == len(checks) == 18
    assert all(c.limit and c.observed and c.advice.endswith(".") for c in checks)


UNKNOWN: dict[str, tuple[str, Callable[[Record], Record]]] = {
    "no vitals": ("event-loop lag p99", lambda r: _generator(r, vitals=[])),
    "no dispatch": (
        "dispatch lag p99", lambda r: _generator(r, dispatch_lag_ms=replace(r.generator.dispatch_lag_ms, p99=None)),
    ),
    "nothing acknowledged": ("ledger", lambda r: replace(r, ledger=[LedgerEntry("likes", 9, 0, 0, 0, 0, 9, 0)])),
    "a hop that does not tell": ("request reconciliation", lambda r: _hops(r, 0, None)),
}  # fmt: skip


@pytest.mark.parametrize("absence", UNKNOWN)
def test_what_was_not_measured_is_never_a_pass(absence: str) -> None:
    name, spoil = UNKNOWN[absence]
    verdict = _judge(spoil(records.passing()))
    assert (verdict.status, verdict.exit_code) == ("inconclusive", 97)
    assert name in [c.check for c in verdict.validity if c.status == "unknown"]
    assert name in verdict.reason


HARMLESS: dict[str, Callable[[Record], Record]] = {
    "a second of full CPU": lambda r: _generator(r, cpu_percent=[10.0] * 30 + [99.0] + [10.0] * 29),
    "a machine without steal or cgroup": lambda r: _vitals(r, steal_percent=None, throttled_percent=None),
    "a full machine": lambda r: _vitals(r, pressure_percent={"cpu": 95.0, "io": 40.0, "memory": 10.0}),
    "a target that fills up": lambda r: _timeline(r, [4.0 + k for k in range(60)]),
    "one slow moment": lambda r: _timeline(r, [40.0] * 5 + [4.0 + k / 100 for k in range(55)]),
    "slower by less than a millisecond": lambda r: _timeline(r, [0.9 + k / 1e3 for k in range(12)] + [0.4] * 48),
    "two scrapes missed of those each five seconds": lambda r: replace(
        r, scrapes=[ScrapeTarget("app", "app-2", 9, 15.0, 0.0, 5)]
    ),
    "as many more as failed": lambda r: _hops(r, 3, 1, unsure=3),
    "repeated by a hop": lambda r: _hops(r, 0, 2, repeated=2),
    "clocks that may be alike": lambda r: _generator(r, workers=[_worker(clock_ahead_ms=60.0, clock_error_ms=15.0)]),
    "no counters to compare with": lambda r: replace(r, reconciliation=None),
}


@pytest.mark.parametrize("harmless", HARMLESS)
def test_what_does_not_spoil_a_measurement_passes(harmless: str) -> None:
    assert _judge(HARMLESS[harmless](records.passing())).status == "pass"


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"throttled_percent": 20.0}, "cgroup throttled it"),
        ({"steal_percent": 20.0}, "other machines on the same host"),
        ({"gc_longest_s": 0.5}, "garbage collector stopped it"),
        ({"pressure_percent": {"cpu": 60.0}}, "the machine was full"),
        ({}, "something stopped it"),
    ],
)
def test_a_late_generator_is_told_the_likeliest_cause(changes: dict[str, object], cause: str) -> None:
    record = _vitals(records.passing(), loop_lag_ms=LAG, **changes)
    assert cause in _check(record, "event-loop lag p99").advice


def test_somebody_s_own_target_needs_neither_prometheus_nor_an_audit() -> None:
    scenario = msgspec.structs.replace(load("likes"), target=Target("http://127.0.0.1:9"))
    bare = replace(records.passing(), scrapes=[], ledger=[], reconciliation=None)
    found = {c.check: c.status for c in check_validity(bare, scenario, [])}
    assert {found[name] for name in ("scraping", "ledger", "request reconciliation")} == {"noted"}
    audited = msgspec.structs.replace(scenario, target=Target("http://127.0.0.1:9", audit=["ids"]))
    assert {c.check: c.status for c in check_validity(bare, audited, [])}["ledger"] == "unknown"


@pytest.mark.parametrize(("drain_s", "unfinished", "status"), [(1, 3, "failed"), (1, 0, "ok"), (2, 3, "ok")])
def test_a_drain_shorter_than_the_longest_latency_budget_gives_answers_up_too_soon(
    drain_s: float, unfinished: int, status: str
) -> None:
    scenario = msgspec.structs.replace(load("likes"), drain_s=drain_s)
    budget = BudgetResult("upload p99", "at most", 2000, "ms", 5, 5, 5, 9, "met", "")
    record = replace(records.passing(), load=replace(records.passing().load, unfinished=unfinished))
    [check] = [c for c in check_validity(record, scenario, [budget]) if c.check == "drain"]
    assert check.status == status


def test_a_window_that_bears_no_comparison_says_so() -> None:
    short = replace(records.passing(), scenario=replace(records.passing().scenario, duration_s=10))
    assert _check(short, "warm-up over").status == "noted"
    assert "cannot be told" in _check(short, "warm-up over").observed


def test_a_slow_target_that_drops_requests_is_in_breach_and_not_invalid() -> None:
    verdict = _judge(records.breach())
    assert verdict.status == "breach"
    assert "failed" not in {c.status for c in verdict.validity}


def test_vitals_are_those_of_the_worst_process() -> None:
    own = records.passing().generator.vitals[0]
    assert isinstance(own, Vitals)
    other = replace(own, steal_percent=3.25)
    record = _generator(records.passing(), vitals=[own, other, own])
    assert _check(record, "stolen CPU").observed == "3.25 %"
