"""The generator's health, from the kernel's files and from a loop that is really blocked."""

import gc
import os
import time

import gevent
import pytest
from likestorm.generator import health
from likestorm.generator.health import HealthWatch


def test_stolen_ticks_are_the_eighth_and_guests_count_once() -> None:
    assert health.parse_cpu("cpu  10 20 30 40 5 0 3 7 100 100\ncpu0 1 1 1 1 1 1 1 1 1 1\n") == (115, 7)


@pytest.mark.parametrize(("kind", "seconds"), [("some", 604.5), ("full", 0.25), ("most", None)])
def test_pressure_is_the_total(kind: str, seconds: float | None) -> None:
    text = "some avg10=26.08 avg60=13.65 total=604500000\nfull avg10=0.00 avg60=0.00 total=250000\n"
    assert health.parse_pressure(text, kind) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("usage_usec 5\nnr_throttled 3\nthrottled_usec 2500000\n", 2.5),
        ("nr_periods 9\nnr_throttled 3\nthrottled_time 1500000000\n", 1.5),
        ("usage_usec 5\nuser_usec 3\n", None),
        ("", None),
    ],
)
def test_throttling_in_both_versions_of_cgroups(text: str, seconds: float | None) -> None:
    assert health.parse_throttled(text) == seconds


@pytest.mark.alone
def test_a_blocked_loop_counts_for_as_long_as_it_was_blocked() -> None:
    """Blocked for 0.2 of 0.5 s: two fifths of the timers were due in that time and are 0 to 0.2 s late."""
    begin = time.perf_counter() + 0.05
    watch = HealthWatch(begin, begin + 0.5)
    gevent.sleep(0.15)
    time.sleep(0.2)
    gevent.sleep(max(0.0, begin + 0.55 - time.perf_counter()))
    seen = watch.finish()
    assert seen.process.endswith(f":{os.getpid()}")
    assert seen.loop_lag_ms.max == pytest.approx(200, abs=30)
    assert seen.loop_lag_ms.p90 == pytest.approx(150, abs=30)
    assert seen.loop_lag_ms.p50 is not None
    assert seen.loop_lag_ms.p50 < 20
    assert seen.clock_step_s < 0.01


@pytest.mark.alone
def test_collections_and_a_stepping_clock_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = time.perf_counter()
    watch = HealthWatch(begin, begin + 5)
    gevent.sleep(0.02)
    kept = [[number] for number in range(200_000)]
    gc.collect()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 3.0)
    seen = watch.finish()
    assert len(kept) == 200_000
    assert 0 < seen.gc_longest_s <= seen.gc_total_s < 2
    assert seen.clock_step_s == pytest.approx(3.0, abs=0.1)
    assert seen.loop_lag_ms.p50 is not None
