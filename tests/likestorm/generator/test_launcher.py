"""The generator in processes of its own against a server with known delays."""

import math
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from likestorm.generator import launcher
from likestorm.generator.launcher import GeneratorConfig
from likestorm.generator.plan import END_SIGNAL, Plan
from likestorm.results import histogram, server_timing
from likestorm.results.outcome import Outcome
from likestorm.results.progress import Progress
from likestorm.scenario import Budgets, ErrorBudget, Scenario
from likestorm.scenario.schedule import arrivals
from likestorm.scenario.workload import ArrivalPlan

from tests.likestorm import scripted


def _scenario(arrivals: dict[str, ArrivalPlan], duration_s: float = 2.0, **options: float | int) -> Scenario:
    return Scenario(
        name="test",
        description="A test of the generator.",
        users="tests.likestorm.visitors:Visitor",
        arrivals=arrivals,
        budgets=Budgets(),
        warm_up_s=options.pop("warm_up_s", 0.5),
        duration_s=duration_s,
        **options,  # type: ignore[arg-type]
    )


def _drive(scenario: Scenario, url: str, folder: Path, processes: int = 1) -> tuple[Outcome, list[Progress]]:
    config = GeneratorConfig(processes)
    plan = Plan(
        scenario, "run", "", False, "", str(folder / "outcome.json"), str(folder / "hdr"), workers=config.workers
    )  # fmt: skip
    seen: list[Progress] = []
    pids: list[int] = []
    outcome = launcher.run(plan, url, folder / "generator.log", pids.append, seen.append, config)
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
    return outcome, seen


def _steady(rate: float, *steps: str) -> ArrivalPlan:
    return ArrivalPlan(rate=rate, schedule="constant", steps=list(steps))


def _logged(path: Path) -> tuple[int, int]:
    """Intervals and samples of an HDR log, by the library's reader."""
    reader = HistogramLogReader(str(path), HdrHistogram(1, 600_000_000, 3))
    intervals = samples = 0
    while interval := reader.get_next_interval_histogram():
        intervals, samples = intervals + 1, samples + interval.get_total_count()
    reader.close()
    return intervals, samples


@pytest.fixture(scope="module", name="varied")
def _varied() -> Scenario:
    """Arrivals of every kind; some hang for 3 s, which is longer than the run drains."""
    visits = ArrivalPlan(rate=100, schedule="poisson", steps=["visit"])
    plans = {
        "visit": visits,
        "walk": _steady(10, "first", "second"),
        "fail": _steady(10, "fail"),
        "crash": _steady(5, "crash"),
        "inquire": _steady(10, "timed", "untimed"),
        "hang": _steady(5, "hang"),
    }
    return _scenario(plans, duration_s=4.0, drain_s=1.5)


@pytest.fixture(scope="module", name="driven")
def _driven(varied: Scenario, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Outcome, set[str], Path]]:
    """The outcome, the reported phases, and the folder with the logs."""
    folder = tmp_path_factory.mktemp("varied")
    with scripted.server() as url:
        outcome, seen = _drive(varied, url, folder)
        yield outcome, {progress.phase for progress in seen}, folder


Driven = tuple[Outcome, set[str], Path]


@pytest.mark.alone
def test_the_whole_schedule_is_offered_and_every_arrival_is_accounted_for(varied: Scenario, driven: Driven) -> None:
    outcome, phases, folder = driven
    due = [each for each in arrivals(varied.courses(), varied.seed) if each.due >= varied.warm_up_s]
    for name, each in outcome.arrivals.items():
        load = each.load
        assert load.offered == each.scheduled == load.completed + load.failed + load.dropped + load.unfinished
        expected = Counter(math.floor(arrival.due - varied.warm_up_s) for arrival in due if arrival.name == name)
        assert each.timeline.offered == [expected[second] for second in range(4)]
    visits = outcome.arrivals["visit"].load.completed
    assert visits == outcome.requests["visit"].count > 300
    assert _logged(folder / "hdr" / "visit.hlog") == (4, visits)
    assert "measure" in phases
    assert len(outcome.generator.cpu_percent) == 4
    assert outcome.window_end - outcome.window_start == pytest.approx(4.0)


@pytest.mark.alone
def test_failed_requests_and_exceptions_of_tasks_are_distinguished(driven: Driven) -> None:
    outcome, _, _ = driven
    assert outcome.arrivals["fail"].load.failed == outcome.requests["fail"].failures == 40
    assert outcome.arrivals["crash"].load.failed == 20
    assert outcome.requests["crash"].failures == 0
    assert list(outcome.requests["fail"].errors.values()) == [40]
    assert histogram.decode(outcome.requests["fail"].failure_histogram).total == 40
    assert histogram.decode(outcome.requests["fail"].histogram).total == 0


@pytest.mark.alone
def test_the_steps_of_an_arrival_are_timed_each_and_as_a_whole(driven: Driven) -> None:
    outcome, _, _ = driven
    walk, second = outcome.arrivals["walk"].response_time_ms.p50, outcome.requests["second"].response_time_ms.p50
    assert walk is not None
    assert second is not None
    assert 100 <= second < 150
    assert second <= walk < 170


@pytest.mark.alone
def test_requests_under_way_at_the_end_are_unfinished_and_timeouts_are_censored(driven: Driven) -> None:
    outcome, _, _ = driven
    load, requests = outcome.arrivals["hang"].load, outcome.requests["hang"]
    assert load.offered == 20 == load.failed + load.unfinished
    assert load.unfinished > 0
    assert requests.timeouts == requests.failures == load.failed > 0
    assert requests.censored == 20
    assert requests.response_time_ms.p50 is None
    full_time = histogram.decode(requests.failure_histogram).percentile(50)
    assert full_time == pytest.approx(3000, rel=0.05)


@pytest.mark.alone
def test_server_timing_is_kept_with_the_samples(driven: Driven) -> None:
    outcome, _, _ = driven
    assert outcome.timing.keys() == {"timed"}
    split = server_timing.summarize(outcome.timing)["timed"]
    assert split.seen == split.kept == 40
    assert (split.median.tiers_ms["sql"], split.slowest.tiers_ms["render"]) == (0.1, 0.2)
    assert sum(split.median.tiers_ms.values()) == pytest.approx(split.median.total_ms, abs=0.01)


@pytest.mark.alone
def test_every_arrival_during_a_stall_counts_its_delay(tmp_path: Path) -> None:
    """A stall of 1 s in 3 s: a third of the arrivals wait 0 to 1 s, so p95 is 0.85 s."""
    scenario = _scenario({"visit": _steady(100, "visit")}, duration_s=3.0, warm_up_s=0.0)
    with scripted.server(stall=(1.0, 1.0)) as url:
        outcome, _ = _drive(scenario, url, tmp_path)
    times = outcome.requests["visit"].response_time_ms
    assert times.p95 == pytest.approx(850, rel=0.05)
    assert times.max == pytest.approx(1000, rel=0.05)
    assert times.p50 is not None
    assert times.p50 < 100


@pytest.mark.timed
def test_waiting_for_a_virtual_user_counts_and_too_long_a_wait_is_a_drop(tmp_path: Path) -> None:
    """One user, 0.1 s a walk, 20 walks a second: the queue grows up to its timeout."""
    scenario = _scenario(
        {"walk": _steady(20, "first", "second")}, users_max=1, queue_timeout_s=0.5, drain_s=2.0, warm_up_s=0.0
    )
    with scripted.server() as url:
        outcome, _ = _drive(scenario, url, tmp_path)
    load = outcome.arrivals["walk"].load
    assert load.offered == 40
    assert load.dropped >= 10
    assert load.completed >= 10
    assert load.offered == load.completed + load.dropped
    assert outcome.requests["first"].censored == load.dropped
    assert outcome.requests["first"].response_time_ms.p90 is None
    assert outcome.generator.users_max == 1
    late = outcome.requests["first"].response_time_ms.p50
    served = outcome.requests["first"].service_time_ms.p50
    assert late is None or late > 200
    assert served is not None
    assert served < 50


@pytest.mark.alone
def test_a_starved_generator_shows_in_its_dispatch_lag(tmp_path: Path) -> None:
    """40 arrivals a second with 30 ms of CPU time each exceed one core."""
    scenario = _scenario({"burn": _steady(40, "burn")}, warm_up_s=0.0)
    with scripted.server() as url:
        outcome, _ = _drive(scenario, url, tmp_path)
    lag = outcome.generator.dispatch_lag_ms.p99
    assert lag is not None
    assert lag > 100
    assert max(outcome.generator.cpu_percent) > 85


def test_a_generator_that_cannot_start_says_why(tmp_path: Path) -> None:
    scenario = Scenario(
        name="test",
        description="",
        users="tests.likestorm.visitors:Nobody",
        arrivals={"visit": _steady(1, "visit")},
        budgets=Budgets(),
    )
    with pytest.raises(launcher.GeneratorError, match="Nobody"):
        _drive(scenario, "http://127.0.0.1:9", tmp_path)


def test_arrivals_without_a_task_are_refused(tmp_path: Path) -> None:
    with pytest.raises(launcher.GeneratorError, match="Visitor has no task for the arrivals jump"):
        _drive(_scenario({"jump": _steady(1, "jump")}), "http://127.0.0.1:9", tmp_path)


@pytest.mark.timed
@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.long)])
def test_a_hopeless_budget_ends_the_run_and_the_window_is_what_was_measured(processes: int, tmp_path: Path) -> None:
    """Every visit fails: a run of 30 s ends soon after the long window of 3 s."""
    budgets = Budgets(errors=[ErrorBudget("errors", 0.01, abort=True)], abort_long_s=3, abort_short_s=1)
    scenario = msgspec.structs.replace(_scenario({"fail": _steady(40, "fail")}, duration_s=30.0), budgets=budgets)
    with scripted.server() as url:
        outcome, _ = _drive(scenario, url, tmp_path, processes)
    assert outcome.aborted is not None
    assert outcome.aborted.budget == "errors"
    seconds = round(outcome.window_end - outcome.window_start)
    assert 4 <= seconds <= 8
    fail = outcome.arrivals["fail"]
    assert fail.load.offered == fail.scheduled == fail.load.failed == 40 * seconds
    assert fail.timeline.offered == [40] * seconds


def test_a_generator_that_gets_the_end_signal_drains_and_writes_its_outcome(tmp_path: Path) -> None:
    scenario = _scenario({"visit": _steady(50, "visit")}, duration_s=600.0)
    plan = Plan(scenario, "run", "", False, "", str(tmp_path / "outcome.json"), str(tmp_path / "hdr"))
    pids: list[int] = []

    def end_soon(progress: Progress) -> None:
        if progress.phase == "measure" and progress.left_s < 599 and pids:
            os.kill(pids.pop(), END_SIGNAL)

    with scripted.server() as url:
        outcome = launcher.run(plan, url, tmp_path / "generator.log", pids.append, end_soon)
    load = outcome.arrivals["visit"].load
    assert load.offered == load.completed
    assert 30 < load.completed < 3000, "ten minutes have 30,000"


def test_users_are_imported_from_the_current_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes, so that workers import the user's code as well; a package of the user's may be named `service`."""
    (tmp_path / "service").mkdir()
    (tmp_path / "service" / "__init__.py").write_text("PAGE = '/'\n")
    (tmp_path / "mine.py").write_text(
        "from likestorm.generator.arrivals import OpenModelUser\nfrom service import PAGE\n\n"
        "class Mine(OpenModelUser):\n    abstract = True\n\n"
        "    def look(self):\n        self.client.get(PAGE, name='look')\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    scenario = msgspec.structs.replace(_scenario({"look": _steady(20, "look")}, duration_s=1.0), users="mine:Mine")
    with scripted.server() as url:
        outcome, _ = _drive(scenario, url, tmp_path, processes=2)
    assert outcome.requests["look"].count == 20
