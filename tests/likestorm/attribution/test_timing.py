"""What is read of Server-Timing headers, good and bad, and what becomes of many."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from likestorm.results import server_timing
from likestorm.results.record.timesplit import Composition
from likestorm.results.server_timing import RESERVOIR_SIZE, ServerTimings, header_of, merge, parse, split, summarize


@pytest.mark.parametrize(
    ("header", "durations"),
    [
        ("", {}),
        ("db;dur=53, app;dur=47.2", {"db": 53, "app": 47.2}),
        ("nginx;dur=4812e-3", {"nginx": 4.812}),
        ('cache;desc="Cache Read, slow; dur=9";dur=23.2', {"cache": 23.2}),
        ('db ; DUR = "12.5" ;desc=x', {"db": 12.5}),
        ("db;dur=1, db;dur=2", {"db": 3}),
        ("db;dur=1;dur=2", {"db": 1}),
        ("hit, miss;desc=none", {}),
        ("a;dur=, b;dur=-1, c;dur=nan, d;dur=inf, e;dur=1.2.3, f;dur=1e99, g;dur=x, h;dur=2", {"h": 2}),
        (";dur=1,,;;,=;dur=3,no name;dur=4,näme;dur=5", {}),
        ('"never closed;dur=1', {}),
        ("x" * 41 + ";dur=1", {}),
        ("duration;duration=5", {}),
    ],
)
def test_only_what_makes_sense_is_read(header: str, durations: dict[str, float]) -> None:
    assert parse(header) == pytest.approx(durations)


@pytest.mark.parametrize(
    ("header", "tiers"),
    [
        (
            "wait;dur=1, app;dur=6, db;dur=2, redis;dur=1, nginx;dur=8",
            {"client-queue": 5, "network": 2, "nginx": 1, "wait": 1, "app": 3, "db": 2, "redis": 1},
        ),
        # A target of its own kind: what it names, and the rest is the network's.
        (
            "render;dur=3, sql;dur=1",
            {"client-queue": 5, "network": 6, "nginx": 0, "wait": 0, "app": 0, "render": 3, "sql": 1},
        ),
        ("total;dur=7, sql;dur=1", {"client-queue": 5, "network": 3, "nginx": 0, "wait": 0, "app": 6, "sql": 1}),
        # It tells more than there was: its clock, or things at once.
        ("sql;dur=40", {"client-queue": 5, "network": 0, "nginx": 0, "wait": 0, "app": 0, "sql": 40}),
        ("nonsense", {"client-queue": 5, "network": 10, "nginx": 0, "wait": 0, "app": 0}),
    ],
)  # fmt: skip
def test_each_tier_is_without_those_behind_it(header: str, tiers: dict[str, float]) -> None:
    assert split(header, response=0.015, service=0.010) == pytest.approx(tiers)


def test_headers_are_found_on_any_client_s_answer() -> None:
    assert header_of(None) is None
    assert header_of(SimpleNamespace(headers=None)) is None
    assert header_of(SimpleNamespace(headers={"Age": "3"})) is None
    assert header_of(SimpleNamespace(headers={"Server-Timing": "a;dur=1"})) == "a;dur=1"
    assert header_of(SimpleNamespace(headers={"Server-Timing": ["a;dur=1", "b;dur=2"]})) == "a;dur=1, b;dur=2"


def _filled(count: int, slow_every: int = 50) -> ServerTimings:
    """Samples of 10 ms, with a database's 100 ms on top of every so many."""
    samples = ServerTimings()
    for number in range(count):
        slow = 0.1 if number % slow_every == 0 else 0.0
        samples.note("like", 0.010 + slow, 0.010 + slow, f"app;dur={5 + slow * 1e3}, db;dur={1 + slow * 1e3}")
    return samples


def test_the_median_and_the_slowest_are_summed_up_apart() -> None:
    summary = summarize(_filled(1000).export())["like"]
    assert (summary.seen, summary.kept) == (1000, 1000)
    usual = {"client-queue": 0.0, "network": 5.0, "nginx": 0.0, "wait": 0.0, "app": 4.0, "db": 1.0}
    assert summary.median == Composition(100, 10.0, usual)
    assert summary.slowest == Composition(10, 110.0, usual | {"db": 101.0})
    # The other ten that are as slow.
    assert summary.slow == replace(summary.slowest, samples=20)


def test_one_sample_is_its_own_median() -> None:
    summary = summarize(_filled(1, slow_every=2).export())["like"]
    assert summary.median == summary.slowest == summary.slow


def test_of_too_many_an_even_part_is_kept() -> None:
    summary = summarize(_filled(3 * RESERVOIR_SIZE).export())["like"]
    assert (summary.seen, summary.kept, summary.slowest.samples) == (
        3 * RESERVOIR_SIZE,
        RESERVOIR_SIZE,
        RESERVOIR_SIZE // 100,
    )
    assert summary.slowest.tiers_ms["db"] == pytest.approx(101)


def test_workers_samples_add_up() -> None:
    parts = [_filled(200).export(), _filled(800).export(), {}]
    assert summarize(merge(parts)) == summarize(_filled(1000).export())


def test_workers_who_saw_more_weigh_more() -> None:
    quick, slow = ServerTimings(), ServerTimings()
    for _ in range(3 * RESERVOIR_SIZE):
        quick.note("like", 0.001, 0.001, "app;dur=1")
    for _ in range(RESERVOIR_SIZE):
        slow.note("like", 0.009, 0.009, "sql;dur=9")
    merged = merge([quick.export(), slow.export()])["like"]
    responses = memoryview(merged.columns[server_timing.RESPONSE]).cast("f")
    assert merged.seen == 4 * RESERVOIR_SIZE
    assert (len(responses), sum(1 for ms in responses if ms > 5)) == (RESERVOIR_SIZE, RESERVOIR_SIZE // 4)
    assert summarize({"like": merged})["like"].slowest.tiers_ms["sql"] == pytest.approx(9)


def test_a_target_that_makes_names_up_gets_no_more_columns() -> None:
    samples = ServerTimings()
    for number in range(200):
        samples.note("like", 1.0, 1.0, f"id-{number};dur=1")
    assert len(samples.export()["like"].columns) == server_timing.MOST_TIERS + 1
