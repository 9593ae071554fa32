"""The drills without a stack: what they are to prove, and how they judge."""

from dataclasses import replace

import pytest

from alerts import rules
from alerts.drills import matrix
from alerts.drills.__main__ import main
from alerts.drills.faults import BY_NAME, FAULTS, SHORT
from alerts.drills.matrix import SLOW, Cell, Result, Row
from alerts.drills.webhook import Notice

NAMES = {alert.name for alert in rules.ALERTS}


def test_every_alert_has_a_fault_but_for_the_windows_of_days() -> None:
    assert {name for fault in FAULTS for name in fault.alerts} == NAMES - SLOW
    assert {name[-2:] for name in SLOW} == {"1d", "3d"}


def test_faults_name_what_exists_and_expect_nothing_twice() -> None:
    assert len(BY_NAME) == len(FAULTS)
    assert set(SHORT) <= BY_NAME.keys()
    for fault in FAULTS:
        assert fault.alerts
        assert fault.symptoms <= NAMES


def told(at: float, name: str, *, is_firing: bool = True, instance: str = "") -> Notice:
    return Notice(at, name, {"alertname": name, "instance": instance}, is_firing)


def judged(*notices: Notice) -> Row:
    return matrix.judge("f", ["RedisDown"], {"ErrorsFlooding"}, notices, began=100, ended=110)


FIRED, RESOLVED = told(103, "RedisDown"), told(115, "RedisDown", is_firing=False)


def test_what_fired_and_resolved_is_timed() -> None:
    row = judged(FIRED, RESOLVED)
    assert row == Row("f", (Cell("RedisDown", 3, 5),))
    assert row.is_good


def test_what_came_before_the_fault_does_not_count() -> None:
    row = judged(told(99, "RedisDown"), RESOLVED)
    assert row.cells == (Cell("RedisDown", None, 5),)
    assert not row.is_good


def test_what_is_told_after_the_fault_has_ended_does_not_count() -> None:
    row = judged(told(111, "RedisDown"), RESOLVED)
    assert row.cells == (Cell("RedisDown", None, 5),)
    assert not row.is_good


@pytest.mark.parametrize(
    "notices",
    [(), (FIRED,), (FIRED, RESOLVED, told(117, "RedisDown")), (FIRED, told(104, "RedisDown", instance="2"), RESOLVED)],
    ids=["nothing", "no end", "fired again", "one instance of two ended"],
)
def test_an_alert_that_is_not_over_is_no_success(notices: tuple[Notice, ...]) -> None:
    assert judged(*notices).cells[0].resolved_s is None
    assert not judged(*notices).is_good


def test_symptoms_are_told_apart_from_false_alarms() -> None:
    row = judged(FIRED, told(104, "ErrorsFlooding"), told(105, "CdnDown"), told(106, "LatencyBurn3d"), RESOLVED)
    assert (row.others, row.echoes) == (("CdnDown",), ("ErrorsFlooding",))
    assert not row.is_good
    assert judged(FIRED, told(104, "ErrorsFlooding"), RESOLVED).is_good


def test_one_wrong_thing_spoils_the_whole() -> None:
    good = Result((judged(FIRED, RESOLVED),), 600, ())
    assert good.is_good
    assert not replace(good, calm_alerts=("CdnDown",)).is_good
    assert not replace(good, ledger=("likes: 1 lost, 0 phantom",)).is_good
    assert not replace(good, rows=(replace(good.rows[0], ailments=("redis",)),)).is_good


def test_the_matrix_says_what_happened() -> None:
    text = matrix.markdown(Result((judged(FIRED, told(105, "CdnDown"), RESOLVED),), 600, ("AppDown",)))
    assert "NOT GOOD: 1 faults, 600 s of calm." in text
    assert "| f | RedisDown | 3.0 | 5.0 | CdnDown |  |" in text
    assert "In the calm: AppDown." in text
    assert "Ledger: nothing lost, nothing phantom." in text


def test_a_fault_that_is_not_known_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["earthquake"]) == 2
    assert capsys.readouterr().err == "drills: no such fault: earthquake; see --list\n"


def test_the_list_names_every_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(BY_NAME)
