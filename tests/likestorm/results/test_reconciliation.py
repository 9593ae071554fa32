"""How often each hop was asked, from counters and logs that are known."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from likestorm.results import reconciliation
from likestorm.results.outcome import Outcome, Traffic
from likestorm.results.prometheus import Prometheus, PrometheusError, Sampled
from likestorm.results.reconciliation import Counting, PromqlHop
from likestorm.results.record.target import HopCount, Reconciliation
from likestorm.results.record.traffic import Generator, Percentiles

APP = PromqlHop("app", "requests")
NOTHING = Percentiles(None, None, None, None, None, None)


@dataclass
class Scripted:
    """One answer a question, the last one for ever; None: Prometheus is away."""

    answers: list[dict[str, float] | None] = field(default_factory=list)

    def range(self, promql: str, start: float, end: float, step: float = 1.0) -> list[Sampled]:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            raise PrometheusError("no answer")
        return [Sampled({"instance": name}, [(end, value)]) for name, value in answer.items()]


def _prometheus(*answers: dict[str, float] | None) -> Prometheus:
    return Scripted(list(answers))  # type: ignore[return-value]


def _outcome(traffic: dict[str, Traffic], unfinished: int = 0) -> Outcome:
    return Outcome(0.0, 1.0, {}, {}, Generator(NOTHING, [], 0, False), {}, traffic, unfinished)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciliation, "STEP_S", 0.01)


def test_clients_are_held_against_the_log_and_the_counter(tmp_path: Path) -> None:
    log = tmp_path / "nginx-1-access.log"
    log.write_text('{"upstream":"before the run"}\n')
    prometheus = _prometheus({"app-1": 5.0, "app-2": 7.0}, {"app-1": 6.0, "app-2": 9.0})
    before = reconciliation.begin(Counting(prometheus, [APP], access_logs=[log], logged="nginx", scrape_s=0.01))
    with log.open("a") as file:
        file.write('{"upstream":"127.0.0.1:1"}\n{"upstream":"127.0.0.1:1, 127.0.0.1:2"}\n{"status":400}\n')
    traffic = {"127.0.0.1:80": Traffic(3, 1), "127.0.0.1:9000": Traffic(50, 2)}
    assert reconciliation.end(before, _outcome(traffic, unfinished=2), "http://127.0.0.1:80") == Reconciliation(
        answered=3, unsure=3, repeated=1, counts=[HopCount("nginx", 3), HopCount("app", 3)]
    )


def test_a_counter_is_read_once_it_stands_still() -> None:
    moving: list[dict[str, float] | None] = [{"": float(count)} for count in (10, 12, 14, 17)]
    before = reconciliation.begin(Counting(_prometheus(*moving), [APP], scrape_s=0.01))
    assert reconciliation.end(before, _outcome({}), "http://x").counts == [HopCount("app", 7)]


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ({"app-1": 5.0}, {"app-1": 4.0}, "app-1 was restarted"),
        ({"app-1": 5.0, "app-2": 1.0}, {"app-1": 9.0}, "app-2 was restarted or is gone"),
        ({}, {}, "no such counter"),
        (None, {"app-1": 4.0}, "Prometheus is unreachable"),
        ({"app-1": 5.0}, None, "Prometheus is unreachable"),
    ],
)
def test_a_count_that_was_lost_is_not_known(
    before: dict[str, float] | None, after: dict[str, float] | None, problem: str
) -> None:
    counted = reconciliation.between("app", before, after)
    assert counted.count is None
    assert problem in counted.problem


def test_an_instance_that_came_up_during_the_run_counts_from_nought() -> None:
    assert reconciliation.between("app", {"app-1": 5.0}, {"app-1": 6.0, "app-2": 2.0}) == HopCount("app", 3)


def test_without_prometheus_nobody_knows() -> None:
    before = reconciliation.begin(Counting(_prometheus(None), [APP]))
    [counted] = reconciliation.end(before, _outcome({}), "http://x").counts
    assert counted.count is None


def test_the_balancer_s_own_probes_are_no_requests_of_the_run(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text('{"uri": "/healthz", "upstream": "a, b"}\n{"uri": "/photos/1/like", "upstream": "a, b"}\n')
    assert reconciliation.count_lines({log: 0}, "/healthz") == (1, 1)
