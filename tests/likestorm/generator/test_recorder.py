"""What a recorder counts can be taken elsewhere and added up there, and nothing that was given up is forgotten."""

import msgspec
import pytest
from likestorm.generator.recorder import Recorder
from likestorm.results.server_timing import summarize
from likestorm.scenario.schedule import Arrival


def _recorder(*steps: str) -> Recorder:
    return Recorder({"visit": list(steps)}, warm_up_s=1.0, duration_s=2.0)


def _visit(recorder: Recorder, number: int, due: float, response: float, name: str = "look") -> None:
    arrival = Arrival(due, "visit", number)
    recorder.dispatched(arrival, 0.001)
    told = f"db;dur={response * 250:g}"
    recorder.request_ended(arrival, name, response, response / 2, error=None, timed_out=False, told=told)
    recorder.arrival_ended(arrival, response, due + response, failed=False, timed_out=False)


def _fail(recorder: Recorder, number: int, due: float) -> None:
    arrival = Arrival(due, "visit", number)
    recorder.dispatched(arrival, 0.002)
    recorder.request_ended(arrival, "look", 3.0, 3.0, error="TimeoutError: ", timed_out=True)
    recorder.arrival_ended(arrival, 3.0, due + 3.0, failed=True, timed_out=True)


def test_two_halves_added_up_are_the_whole() -> None:
    whole, halves = _recorder("look"), [_recorder("look"), _recorder("look")]
    for number in range(200):
        for recorder in (whole, halves[number % 2]):
            due = number / 60
            if number % 50 == 7:
                _fail(recorder, number, due)
            elif number % 50 == 9:
                recorder.dispatched(Arrival(due, "visit", number), 0.0)
                recorder.arrival_dropped(Arrival(due, "visit", number))
            else:
                _visit(recorder, number, due, 0.001 * (1 + number % 17))
    merged = _recorder("look")
    for half in halves:
        merged.add(msgspec.msgpack.decode(msgspec.msgpack.encode(half.dump())))
    assert merged.requests() == whole.requests()
    assert merged.dispatch_lag() == whole.dispatch_lag()
    split, wanted = (summarize(each.timing.export())["look"] for each in (merged, whole))
    assert (split.seen, split.slowest.tiers_ms) == (wanted.seen, wanted.slowest.tiers_ms)
    assert split.slowest.tiers_ms["db"] == pytest.approx(split.slowest.total_ms / 4, rel=0.01)
    found, expected = (each.arrivals({"visit": 120}, {"visit": 60.0})["visit"] for each in (merged, whole))
    assert found == expected
    assert found.load.offered == found.load.completed + found.load.failed + found.load.dropped == 120
    assert found.load.dropped > 0


def test_a_timeout_counts_with_its_full_time_among_the_failures_and_with_none_among_the_answers() -> None:
    recorder = _recorder("look")
    for number in range(99):
        _visit(recorder, number, 1.5, 0.010)
    _fail(recorder, 99, 1.5)
    look = recorder.requests()["look"]
    assert (look.failures, look.timeouts, look.censored) == (1, 1, 1)
    assert look.response_time_ms.p99 == pytest.approx(10, rel=0.01)
    assert (look.response_time_ms.p99_9, look.response_time_ms.max) == (None, None)


def test_what_given_up_arrivals_would_have_asked_for_is_shared_out_where_nobody_knows() -> None:
    recorder = _recorder()
    for number in range(90):
        _visit(recorder, number, 1.5, 0.01, "often" if number % 3 else "seldom")
    for number in range(90, 100):
        recorder.dispatched(Arrival(1.6, "visit", number), 0.0)
        recorder.arrival_dropped(Arrival(1.6, "visit", number))
    censored = {name: each.censored for name, each in recorder.requests().items()}
    assert censored == {"often": 7, "seldom": 4}
