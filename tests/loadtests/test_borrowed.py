"""Somebody's own locustfile, unchanged, driven as open arrivals and closed as it is written."""

from pathlib import Path

import pytest

from loadtests import histogram, swarm
from loadtests.record import Load
from loadtests.workload import ArrivalPlan, ClosedPlan
from tests.loadtests import scripted
from tests.loadtests.drive import drive, strange

pytestmark = pytest.mark.alone


def _open(user: str | None, rate: float = 40.0) -> ArrivalPlan:
    return ArrivalPlan(schedule="constant", rate=rate, user=user)


def test_an_arrival_is_one_task_by_weight_wait_time_is_not_asked_and_the_start_of_a_user_does_not_count(
    tmp_path: Path,
) -> None:
    with scripted.server() as url:
        outcome, _ = drive(strange(url, {"visits": _open("Fast")}), url, tmp_path)
    load, requests = outcome.arrivals["visits"].load, outcome.requests
    assert load == Load(offered=80, completed=80, failed=0, dropped=0, unfinished=0)
    assert set(requests) == {"often", "seldom", "second step"}
    assert requests["often"].count + requests["seldom"].count == 80
    assert 45 <= requests["often"].count <= 72
    assert requests["seldom"].count == requests["second step"].count
    second = requests["second step"].response_time_ms.p50
    assert second is not None
    assert 100 <= second < 150


def test_nested_and_sequential_task_sets_go_their_own_way(tmp_path: Path) -> None:
    """An interrupt is no arrival: the arrival goes on with the next task."""
    with scripted.server() as url:
        outcome, _ = drive(strange(url, {"plain": _open("Plain")}), url, tmp_path)
    requests = outcome.requests
    assert outcome.arrivals["plain"].load.completed == 80
    assert set(requests) == {"order 1", "order 2", "alone"}
    assert sum(each.count for each in requests.values()) == 80
    assert abs(requests["order 1"].count - requests["order 2"].count) <= 3 + 80 // 20
    assert requests["alone"].count >= 5


def test_all_classes_take_part_by_their_weights(tmp_path: Path) -> None:
    mixed = tmp_path / "mixed.py"
    mixed.write_text("from tests.loadtests.strangers import Fast, Plain\n")
    with scripted.server() as url:
        scenario = strange(url, {"all": _open(None)})
        assert scenario.target is not None
        import msgspec

        target = msgspec.structs.replace(scenario.target, locustfile=str(mixed))
        outcome, _ = drive(msgspec.structs.replace(scenario, target=target), url, tmp_path)
    fast = outcome.requests["often"].count + outcome.requests["seldom"].count
    assert outcome.arrivals["all"].load.completed == 80
    assert 45 <= fast <= 72


def test_failures_exceptions_and_timeouts_of_requests_are_told_apart(tmp_path: Path) -> None:
    with scripted.server() as url:
        outcome, _ = drive(strange(url, {"broken": _open("Broken", 20.0)}), url, tmp_path)
    load, requests = outcome.arrivals["broken"].load, outcome.requests
    assert load.failed == load.offered == 40
    assert requests["500"].failures == requests["500"].count > 0
    assert requests["before the crash"].failures == 0
    timeout = requests["timeout"]
    assert timeout.timeouts == timeout.censored == timeout.count > 0
    assert timeout.response_time_ms.p50 is None
    assert histogram.decode(timeout.failure_histogram).percentile(50) == pytest.approx(500, rel=0.1)


@pytest.mark.parametrize("user", ["Stray", "Redirected"])
def test_load_that_would_leave_for_another_host_ends_the_run(tmp_path: Path, user: str) -> None:
    with (
        scripted.server() as url,
        pytest.raises(swarm.SwarmError, match=r"^load to 192\.0\.2\.7 is refused.*allow_hosts"),
    ):
        drive(strange(url, {"strays": _open(user, 5.0)}), url, tmp_path)


def test_closed_users_run_as_written_and_say_so(tmp_path: Path) -> None:
    with scripted.server() as url:
        outcome, _ = drive(strange(url, closed={"look": ClosedPlan(users=6, user="Waiting")}), url, tmp_path)
    look = outcome.arrivals["look"]
    assert look.closed_users == 6
    assert look.scheduled == look.load.offered == look.load.completed == outcome.requests["look"].count
    assert look.load.offered == pytest.approx(6 * 2 / 0.45, abs=8)
    assert look.rate == pytest.approx(look.load.offered / 2)


@pytest.mark.parametrize(
    ("user", "complaint"),
    [("Nobody", "no user class 'Nobody' .*there are Fast"), ("NoClient", "neither an HttpUser nor a FastHttpUser")],
)
def test_a_user_that_cannot_be_driven_is_refused(tmp_path: Path, user: str, complaint: str) -> None:
    with pytest.raises(swarm.SwarmError, match=complaint):
        drive(strange("http://127.0.0.1:9", {"x": _open(user)}), "http://127.0.0.1:9", tmp_path)


def test_what_unknown_requests_dropped_arrivals_would_have_made_is_shared_out(tmp_path: Path) -> None:
    """One user at 0.1 s a login and a request each 0.03 s on average has not the time for 80 arrivals a second."""
    with scripted.server() as url:
        scenario = strange(url, {"visits": _open("Fast", 80.0)}, lateness_max_s=0.3, users_max=1)
        outcome, _ = drive(scenario, url, tmp_path)
    load = outcome.arrivals["visits"].load
    assert load.dropped > 10
    censored = sum(each.censored for each in outcome.requests.values())
    assert load.dropped + load.unfinished <= censored <= load.dropped + load.unfinished + 3
