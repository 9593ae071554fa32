"""The accuracy measurement: its analytic side against brute force and theory, and one short run of all of it."""

import math
import statistics
from pathlib import Path
from random import Random

import pytest
from likestorm.results.histogram import nearest_rank

from loadtests.accuracy import drive, throughput
from loadtests.accuracy.cases import CASES, PERCENTILES, Case, errors
from loadtests.accuracy.drive import Load, Watched
from loadtests.accuracy.script import Behaviour, Law, Queue, Service, Stall, response_times


def _poisson(rate: float, count: int) -> list[float]:
    random, due, times = Random(7), 0.0, []
    for _ in range(count):
        due += random.expovariate(rate)
        times.append(due)
    return times


def _simulated(servers: int | None, stalls: tuple[Stall, ...], came: list[int], services: list[int]) -> list[float]:
    """When each request ends, by brute force: at each moment without a stall, free servers take waiting requests."""
    ends: dict[int, float] = {}
    waiting = list(range(len(came)))
    now = 0
    while waiting:
        busy = sum(end > now for end in ends.values())
        stalled = any(stall.at <= now < stall.at + stall.length for stall in stalls)
        while waiting and came[waiting[0]] <= now and not stalled and (servers is None or busy < servers):
            number = waiting.pop(0)
            ends[number] = now + services[number]
            busy += 1
        now += 1
    return [ends[number] for number in range(len(came))]


@pytest.mark.parametrize("servers", [None, 1, 2, 5])
@pytest.mark.parametrize("law", ["constant", "two-point", "exponential", "long tail"])
def test_the_recursion_is_what_a_simulation_moment_by_moment_gives(servers: int | None, law: Law) -> None:
    """In whole moments, so that both must agree exactly."""
    stalls = (Stall(50, 10), Stall(100, 70))
    came = [round(due) for due in _poisson(0.4, 100)]
    services = [1 + round(time) for time in Service(law, 2.0).times(100)]
    queue = Queue(Behaviour(Service(law, 2.0), servers, stalls))
    ends = [queue.end(at, service) for at, service in zip(came, services, strict=True)]
    assert ends == _simulated(servers, stalls, came, services)


def test_served_at_once_and_even_the_percentiles_of_a_stall_have_a_closed_form() -> None:
    """P(response > s + x) = (length − x) / duration: x is uniform over the stall for those who come during it."""
    seconds, length, service = 20.0, 4.0, 0.1
    case = Case("", Load(500, "constant", seconds), Behaviour(Service("constant", service), None, (Stall(5, length),)))
    for percentile, found in zip(PERCENTILES, case.expected_ms(), strict=True):
        beyond = (1 - percentile / 100) * seconds
        assert found == pytest.approx(1e3 * (service + max(0.0, length - beyond)), abs=2.1)


def test_one_server_with_exponential_times_is_the_textbooks_queue() -> None:
    """M/M/1: the time in the system is exponential with mean 1 / (μ − λ)."""
    due = _poisson(70, 100_000)
    times = sorted(response_times(Behaviour(Service("exponential", 0.01), 1), due))
    for percentile in (50, 95, 99):
        theory = -math.log(1 - percentile / 100) / (100 - 70)
        assert nearest_rank(times, percentile) == pytest.approx(theory, rel=0.05)


def test_one_server_with_constant_times_waits_as_pollaczek_and_khinchine_say() -> None:
    """M/D/1: the mean wait is ρ s / (2 (1 − ρ))."""
    times = response_times(Behaviour(Service("constant", 0.01), 1), _poisson(70, 100_000))
    assert statistics.fmean(times) - 0.01 == pytest.approx(0.7 * 0.01 / (2 * 0.3), rel=0.03)


def test_a_service_that_has_begun_goes_on_through_a_stall_and_the_next_waits_for_its_end() -> None:
    queue = Queue(Behaviour(Service("constant", 0), 1, (Stall(1.0, 0.5),)))
    assert queue.end(0.9, 0.2) == pytest.approx(1.1)
    assert queue.end(1.0, 0.2) == pytest.approx(1.7)
    assert queue.end(2.0, 0.2) == pytest.approx(2.2)


def test_service_times_are_those_of_their_law_and_their_seed() -> None:
    assert Service("constant", 0.1).times(2) == [0.1, 0.1]
    assert Service("exponential", 0.1).times(5) == Service("exponential", 0.1).times(9)[:5]
    assert Service("exponential", 0.1).times(5) != Service("exponential", 0.1, seed=2).times(5)
    assert statistics.fmean(Service("exponential", 0.1).times(100_000)) == pytest.approx(0.1, rel=0.02)
    slow = Service("two-point", 0.1).times(100_000)
    assert sorted(set(slow)) == pytest.approx([0.1, 1.5])
    assert sum(time > 1 for time in slow) / len(slow) == pytest.approx(0.03, rel=0.1)
    tail = Service("long tail", 0.1).times(100_000)
    assert min(tail) >= 0.1
    assert max(tail) == pytest.approx(10.0)
    assert nearest_rank(sorted(tail), 50) == pytest.approx(0.1 * 2 ** (1 / 1.5), rel=0.02)


def test_every_stall_of_every_case_ends_before_its_schedule_does() -> None:
    for case in (*CASES, *(case.shortened() for case in CASES)):
        assert all(stall.at + stall.length < case.load.seconds for stall in case.behaviour.stalls)


def test_an_error_is_relative_and_unknown_where_nothing_was_reported() -> None:
    assert errors([100.0, 200.0, 50.0], (101.0, 190.0, None)) == [pytest.approx(0.01), pytest.approx(-0.05), None]


def test_cpu_time_is_read_between_two_looks() -> None:
    watched = Watched([10.0, 11.0, 12.0], [1.0, 1.5, 2.5])
    assert throughput.cpu_at(watched, 11.5) == pytest.approx(2.0)
    for outside in (9.0, 13.0):
        with pytest.raises(drive.DriveError):
            throughput.cpu_at(watched, outside)


@pytest.mark.alone
def test_what_is_reported_of_a_scripted_server_is_what_must_be(tmp_path: Path) -> None:
    """A third of the arrivals waits for up to 0.8 s: the way from arrival to report, through a real run."""
    load = Load(100, "poisson", 2.4)
    behaviour = Behaviour(Service("constant", 0.1), None, (Stall(1.0, 0.8),))
    driven = drive.likestorm(load, behaviour, tmp_path, realtime=False)
    assert driven.reported.failures == 0
    assert driven.reported.count == len(load.due()) == len(driven.log.received) == len(driven.log.late)
    wrong = errors(Case("", load, behaviour).expected_ms(), driven.reported.percentiles_ms)
    assert all(error is not None and abs(error) < 0.1 for error in wrong), wrong
