from typing import Any

import pytest

from alerts import AlertsError, mutation
from alerts.units import Rule, Unit

RECORDING: Rule = {"record": "a:b:sum5m", "expr": 'sum(increase(x{y="z"}[5m]))'}
ALERT: Rule = {"alert": "TooMany", "expr": "a:b:sum5m > 10", "for": "2m", "labels": {"severity": "critical"}}


def changes(rule: Rule) -> list[str]:
    return [mutant.change for mutant in mutation.list_mutants([rule])]


def test_an_alert_is_changed_in_every_way() -> None:
    assert changes(ALERT) == [
        "dropped",
        "a:b:sum5m > 10 → 15",
        "a:b:sum5m > 10 → 6.66667",
        "a:b:sum5m > → <",
        "for: 2m → 1m",
        "for: 2m → 4m",
        "severity: critical → warning",
    ]


def test_a_recording_is_changed_in_every_way() -> None:
    assert changes(RECORDING) == [
        "dropped",
        'sum(increase(x{y="z"}[5m → 150s',
        'sum(increase(x{y="z"}[5m → 10m',
        '="z" → ="mutant"',
    ]


@pytest.mark.parametrize(
    ("expr", "mutants"),
    [
        ('up{job=~"a>1"} == 0', ['up{job=~"a>1"} == 1', 'up{job=~"a>1"} != 0', 'up{job=~"mutant"} == 0']),
        ("x >= 2.5", ["x >= 3.75", "x >= 1.66667", "x < 2.5"]),
        ("x5m_avg1h offset 1h", ["x5m_avg1h offset 30m", "x5m_avg1h offset 2h"]),
    ],
)
def test_names_and_what_is_in_quotes_are_no_numbers(expr: str, mutants: list[str]) -> None:
    made = mutation.list_mutants([{"record": "a:b:c", "expr": expr}])
    assert [mutant.rule["expr"] for mutant in made if mutant.rule] == mutants


def test_a_mutant_takes_its_rule_s_place() -> None:
    first, *_ = mutation.list_mutants([RECORDING, ALERT])
    assert first.among([RECORDING, ALERT]) == [ALERT]


def unit(fires_with: str, is_quiet_with: str) -> Unit:
    fired = {"exp_labels": {"severity": "critical"}}
    cases: list[dict[str, Any]] = [
        {"eval_time": "11m", "alertname": "TooMany", "exp_alerts": []},
        {"eval_time": "12m", "alertname": "TooMany", "exp_alerts": [fired]},
        {"eval_time": "25m", "alertname": "TooMany", "exp_alerts": []},
    ]
    series = [{"series": 'x{y="z"}', "values": f"0x8 {fires_with} {is_quiet_with}"}]
    return Unit("f.yaml", "1m", {"name": "u", "interval": "1m", "input_series": series, "alert_rule_test": cases})


def test_what_no_test_notices_is_named() -> None:
    said: list[str] = []
    outcome = mutation.run([RECORDING, ALERT], [unit("6+6x5", "36x20")], said.append)
    assert outcome.total == 11
    assert set(outcome.survivors) <= {f"TooMany: {change}" for change in changes(ALERT)} | {
        f"a:b:sum5m: {change}" for change in changes(RECORDING)
    }
    assert "TooMany: dropped" not in outcome.survivors
    assert "TooMany: severity: critical → warning" not in outcome.survivors
    assert outcome.caught == 1 - len(outcome.survivors) / 11
    assert len(said) == 2


def test_rules_that_fail_their_tests_are_not_mutated() -> None:
    with pytest.raises(AlertsError, match="the rules fail their tests"):
        mutation.run([RECORDING, {**ALERT, "for": "20m"}], [unit("6+6x5", "36x20")], print)
