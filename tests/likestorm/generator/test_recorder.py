"""Counts can be sent to another process and added up there, and every given-up arrival is counted."""

import pytest
from likestorm.generator.counts import Counts, Share, total
from likestorm.generator.recorder import Recorder
from likestorm.generator.summary import arrivals_of
from likestorm.results import server_timing
from likestorm.results.histogram import Histogram
from likestorm.results.ledger import Journal
from likestorm.results.record.traffic import Arrivals, Vitals
from likestorm.scenario.schedule import Arrival

HEALTHY = Vitals("here:1", Histogram().percentiles(), 0.0, 0.0, 0.0, None, None, {})


def _recorder(*steps: str) -> Recorder:
    return Recorder({"visit": list(steps)}, warm_up_s=1.0, duration_s=2.0)


def _visit(recorder: Recorder, number: int, due: float, response: float, name: str = "look") -> None:
    arrival = Arrival(due, "visit", number)
    recorder.dispatched(arrival, 0.001)
    header = f"db;dur={response * 250:g}"
    recorder.request_ended(
        arrival, name, response, response / 2, error=None, timed_out=False, server_timing=header
    )  # fmt: skip
    recorder.arrival_ended(arrival, response, due + response, failed=False, timed_out=False)


def _fail(recorder: Recorder, number: int, due: float) -> None:
    arrival = Arrival(due, "visit", number)
    recorder.dispatched(arrival, 0.002)
    recorder.request_ended(arrival, "look", 3.0, 3.0, error="TimeoutError: ", timed_out=True)
    recorder.arrival_ended(arrival, 3.0, due + 3.0, failed=True, timed_out=True)


def _drop(recorder: Recorder, number: int, due: float) -> None:
    recorder.dispatched(Arrival(due, "visit", number), 0.0)
    recorder.arrival_dropped(Arrival(due, "visit", number))


def _sent(recorder: Recorder) -> Share:
    """The recorder's share as another process receives it."""
    journals = {"likes": Journal({"1"}, {"1"})}
    share = Share(recorder.counts, recorder.timing.export(), journals, [50.0], 1, False, HEALTHY)
    return Share.decode(share.encode())


def _arrivals(counts: Counts) -> Arrivals:
    return arrivals_of(counts, "visit", 1.0, 3.0, ["look"], scheduled=120, rate=60.0)


def test_the_sum_of_two_halves_is_the_whole() -> None:
    whole, halves = _recorder("look"), [_recorder("look"), _recorder("look")]
    for number in range(200):
        for recorder in (whole, halves[number % 2]):
            due = number / 60
            if number % 50 == 7:
                _fail(recorder, number, due)
            elif number % 50 == 9:
                _drop(recorder, number, due)
            else:
                _visit(recorder, number, due, 0.001 * (1 + number % 17))
    shares = [_sent(half) for half in halves]
    merged, expected = total(share.counts for share in shares), whole.counts
    assert merged.requests["look"].summary() == expected.requests["look"].summary()
    assert merged.lag.percentiles() == expected.lag.percentiles()
    assert _arrivals(merged) == _arrivals(expected)
    load = _arrivals(merged).load
    assert load.offered == load.completed + load.failed + load.dropped == 120
    assert load.dropped > 0
    split = server_timing.summarize(server_timing.merge(share.timing for share in shares))["look"]
    wanted = server_timing.summarize(whole.timing.export())["look"]
    assert (split.seen, split.slowest.tiers_ms) == (wanted.seen, wanted.slowest.tiers_ms)
    assert split.slowest.tiers_ms["db"] == pytest.approx(split.slowest.total_ms / 4, rel=0.01)
    assert shares[0].journals == {"likes": Journal({"1"}, {"1"})}


def test_a_timeout_counts_with_its_time_among_the_failures_and_is_censored_among_the_answers() -> None:
    recorder = _recorder("look")
    for number in range(99):
        _visit(recorder, number, 1.5, 0.010)
    _fail(recorder, 99, 1.5)
    look = recorder.counts.requests["look"].summary()
    assert (look.failures, look.timeouts, look.censored) == (1, 1, 1)
    assert look.response_time_ms.p99 == pytest.approx(10, rel=0.01)
    assert (look.response_time_ms.p99_9, look.response_time_ms.max) == (None, None)


def test_given_up_arrivals_with_unknown_steps_censor_each_request_by_its_share() -> None:
    recorder = _recorder()
    for number in range(90):
        _visit(recorder, number, 1.5, 0.01, "often" if number % 3 else "seldom")
    for number in range(90, 100):
        _drop(recorder, number, 1.6)
    recorder.counts.place_given_up()
    censored = {name: each.response.censored for name, each in recorder.counts.requests.items()}
    assert censored == {"often": 7, "seldom": 4}
