"""What is made of Prometheus's samples, against a source whose samples are known."""

import math
from dataclasses import dataclass, field

from likestorm.results import collect
from likestorm.results.prometheus import Prometheus, Sampled
from likestorm.results.record.target import ChainEffects
from likestorm.results.record.timesplit import TierWait
from likestorm.results.running import ExpectedScrape, Running, WaitCounters
from likestorm.scenario import Budgets, PromqlBudget, Scenario, SlopeBudget

from tests.ports import free_port

CHAINS = "likestorm_chain_duration_seconds"


@dataclass(frozen=True)
class Known(Prometheus):
    """Answers every question with the same series."""

    series: list[Sampled] = field(default_factory=list)

    def samples(self, selector: str, start: float, end: float) -> list[Sampled]:
        return self.series

    def range(self, promql: str, start: float, end: float, step: float = 1.0) -> list[Sampled]:
        return self.series


def _job(job: str, *, is_instrument: bool) -> ExpectedScrape:
    return ExpectedScrape(job, job, is_instrument=is_instrument)


def _up(job: str, values: dict[int, float]) -> Sampled:
    return Sampled({"job": job, "instance": job}, [(100.0 + at, value) for at, value in values.items()])


def test_the_longest_gap_counts_from_the_windows_edges() -> None:
    source = Known("", [_up("node", {1: 1, 2: 1, 9: 1, 10: 1})])
    [scrape] = collect.scrapes(source, [_job("node", is_instrument=True)], 100.0, 112.0)
    assert (scrape.samples, scrape.longest_gap_s, scrape.down_s) == (4, 7.0, 0.0)


def test_an_instrument_that_is_down_leaves_a_gap() -> None:
    source = Known("", [_up("redis", {at: 0.0 if 3 <= at < 8 else 1.0 for at in range(12)})])
    [scrape] = collect.scrapes(source, [_job("redis", is_instrument=True)], 100.0, 112.0)
    assert (scrape.longest_gap_s, scrape.down_s) == (6.0, 5.0)


def test_a_part_that_is_down_is_the_targets_own_trouble_and_no_gap() -> None:
    source = Known("", [_up("app", {at: 0.0 if 3 <= at < 8 else 1.0 for at in range(12)})])
    [scrape] = collect.scrapes(source, [_job("app", is_instrument=False)], 100.0, 112.0)
    assert (scrape.longest_gap_s, scrape.down_s) == (1.0, 5.0)


def test_a_target_that_was_never_scraped_has_one_gap_as_long_as_the_window() -> None:
    [scrape] = collect.scrapes(Known("", []), [_job("nginx", is_instrument=True)], 100.0, 160.0)
    assert (scrape.samples, scrape.longest_gap_s) == (0, 60.0)


def test_each_target_says_how_often_it_is_to_be_scraped() -> None:
    found = collect.scrapes(Known("", []), [ExpectedScrape("app", "app-1", 5)], 100.0, 160.0)
    assert [scrape.interval_s for scrape in found] == [5]


def test_series_count_from_the_windows_start_and_have_no_nan() -> None:
    source = Known("", [Sampled({"queue": "thumbnails"}, [(101.0, 2.5), (102.0, math.nan)])])
    [data] = collect.trends(source, [SlopeBudget("jobs", 1.0, "rq_jobs")], 100.0, 103.0)
    [series] = data.series
    assert (series.labels, series.times, series.values) == ({"queue": "thumbnails"}, [1.0, 2.0], [2.5, None])


@dataclass(frozen=True)
class Growing(Prometheus):
    """A histogram of a chain that stood at `before` until 100 s, and at `after` from then on."""

    before: dict[str, float] = field(default_factory=dict)
    after: dict[str, float] = field(default_factory=dict)

    def range(self, promql: str, start: float, end: float, step: float = 1.0) -> list[Sampled]:
        counts = self.before if start <= 100 else self.after
        return [Sampled({"chain": "like-to-push", "le": le}, [(start, count)]) for le, count in counts.items()]


def test_a_chain_whose_counts_fall_is_not_known() -> None:
    source = Growing("", before={"1": 5, "+Inf": 9}, after={"1": 6, "+Inf": 7})
    assert collect.chains(source, CHAINS, 100, 160) == []


def test_effects_are_those_of_the_window() -> None:
    source = Growing("", {"5.0": 3, "+Inf": 4}, {"0.5": 2, "5.0": 13, "+Inf": 16})
    [effects] = collect.chains(source, CHAINS, 100.0, 160.0)
    assert effects == ChainEffects("like-to-push", [(0.5, 2), (5.0, 10), (None, 12)])
    assert effects.count == 12


def test_a_chain_that_nothing_went_through_has_no_effects() -> None:
    assert collect.chains(Growing(""), CHAINS, 100.0, 160.0) == []


def test_without_prometheus_every_target_has_a_gap_and_no_value_is_there() -> None:
    budget = PromqlBudget("load", "node_load1", at_most=2)
    running = Running("http://127.0.0.1:8080")
    running.prometheus, running.scrapes = f"http://127.0.0.1:{free_port()}", [_job("app", is_instrument=False)]
    running.chain_buckets = CHAINS
    seen = collect.observe(running, Scenario("s", "", Budgets(promql=[budget])), 100.0, 160.0)
    assert [(s.job, s.samples, s.longest_gap_s) for s in seen.scrapes] == [("app", 0, 60.0)]
    assert (seen.panels, seen.chains, seen.tier_waits) == ([], [], [])
    [value] = seen.promql
    assert (value.values, value.budget) == ([], "load")
    assert "no answer from Prometheus" in value.problem


@dataclass(frozen=True)
class Counting(Prometheus):
    """Counters that stand at so much from 100 s on, and at half of it before."""

    totals: dict[str, float] = field(default_factory=dict)

    def range(self, promql: str, start: float, end: float, step: float = 1.0) -> list[Sampled]:
        return [
            Sampled({}, [(start, total if start > 100 else total / 2)])
            for name, total in self.totals.items()
            if f"({name}[" in promql
        ]


def test_a_tiers_wait_is_that_of_the_window() -> None:
    counters = WaitCounters("db", "pool", "PgBouncer", "wait_seconds", "total_seconds")
    both = Counting("", {"wait_seconds": 8.0, "total_seconds": 10.0})
    assert collect.tier_wait(both, counters, 100.0, 160.0) == TierWait("db", "pool", "PgBouncer", 4.0, 1.0)
    assert collect.tier_wait(Counting("", {"wait_seconds": 8.0}), counters, 100.0, 160.0) is None
