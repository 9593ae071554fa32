"""An unchanged locustfile, driven by open arrivals and as closed users."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from likestorm.generator import launcher
from likestorm.results import histogram
from likestorm.results.outcome import Outcome
from likestorm.results.record.traffic import Load
from likestorm.scenario.workload import ArrivalPlan, ClosedPlan

from tests.likestorm import scripted
from tests.likestorm.drive import drive, locustfile_scenario


def _open(user: str, rate: float = 40.0) -> ArrivalPlan:
    return ArrivalPlan(schedule="constant", rate=rate, user=user)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """The outcome of two seconds with users of every kind."""
    arrivals = {"fast": _open("Fast"), "plain": _open("Plain"), "broken": _open("Broken", 20.0)}
    with scripted.server() as url:
        scenario = locustfile_scenario(url, arrivals, {"look": ClosedPlan(users=6, user="Waiting")})
        found, _ = drive(scenario, url, tmp_path_factory.mktemp("locustfile"))
        yield found


@pytest.mark.alone
def test_an_arrival_is_one_task_by_weight_and_wait_time_is_not_asked(outcome: Outcome) -> None:
    requests = outcome.requests
    assert outcome.arrivals["fast"].load == Load(offered=80, completed=80, failed=0, dropped=0, unfinished=0)
    assert requests["often"].count + requests["seldom"].count == 80
    assert 45 <= requests["often"].count <= 72
    assert requests["seldom"].count == requests["second step"].count
    second = requests["second step"].response_time_ms.p50
    assert second is not None
    assert 100 <= second < 150


@pytest.mark.alone
def test_the_start_of_a_user_comes_before_its_first_arrival_and_belongs_to_none(outcome: Outcome) -> None:
    assert {"login", "before the login"} & set(outcome.requests) == set()


@pytest.mark.alone
def test_nested_and_sequential_task_sets_go_their_own_way(outcome: Outcome) -> None:
    """An interrupt ends no arrival: the arrival continues with the next task."""
    requests = outcome.requests
    assert outcome.arrivals["plain"].load.completed == 80
    assert sum(requests[name].count for name in ("order 1", "order 2", "alone")) == 80
    assert abs(requests["order 1"].count - requests["order 2"].count) <= 7
    assert requests["alone"].count >= 5


@pytest.mark.alone
def test_failures_exceptions_and_timeouts_of_requests_are_told_apart(outcome: Outcome) -> None:
    load, requests = outcome.arrivals["broken"].load, outcome.requests
    assert load.failed == load.offered == 40
    assert requests["500"].failures == requests["500"].count > 0
    assert requests["before the crash"].failures == 0
    timeout = requests["timeout"]
    assert timeout.timeouts == timeout.censored == timeout.count > 0
    assert timeout.response_time_ms.p50 is None
    assert histogram.decode(timeout.failure_histogram).percentile(50) == pytest.approx(500, rel=0.1)


@pytest.mark.alone
def test_closed_users_run_as_written_and_are_marked(outcome: Outcome) -> None:
    look = outcome.arrivals["look"]
    assert look.closed_users == 6
    assert look.scheduled == look.load.offered == look.load.completed == outcome.requests["look"].count
    assert look.load.offered == pytest.approx(6 * 2 / 0.45, abs=8)
    assert look.rate == pytest.approx(look.load.offered / 2)


def test_load_that_would_leave_for_another_host_ends_the_run(tmp_path: Path) -> None:
    """The target redirects to 192.0.2.7, an address that is reserved for documentation."""
    with (
        scripted.server() as url,
        pytest.raises(launcher.GeneratorError, match=r"^load to 192\.0\.2\.7 is refused.*allow_hosts"),
    ):
        drive(locustfile_scenario(url, {"strays": _open("Redirected", 5.0)}), url, tmp_path)
