"""The rules: what is committed is what the data says, every name exists, every alert is documented and tested."""

import re
from pathlib import Path

import pytest
import yaml

from alerts import AlertsError, promtool, rules
from alerts.__main__ import main
from alerts.rules import Alert
from tests.alerts.metric_names import known_metrics, metrics_in

ROOT = Path(__file__).parents[2]


def test_the_committed_file_is_what_the_rules_give() -> None:
    assert rules.RULES_FILE.read_text() == rules.rules_yaml(), "run `python -m alerts generate`"


@pytest.mark.parametrize("recording", rules.RECORDINGS, ids=lambda recording: recording.record)
def test_recordings_name_what_exists(recording: rules.Recording) -> None:
    assert re.fullmatch(r"[a-z]+:[a-z_]+:[a-z0-9_]+", recording.record)
    recorded = {each.record for each in rules.RECORDINGS}
    assert metrics_in(recording.expr) <= known_metrics() | recorded


@pytest.mark.parametrize("alert", rules.ALERTS, ids=lambda alert: alert.name)
class TestEachAlert:
    def test_names_what_is_recorded(self, alert: Alert) -> None:
        names = metrics_in(alert.expr)
        assert names
        assert names <= {each.record for each in rules.RECORDINGS}

    def test_keeps_to_the_style(self, alert: Alert) -> None:
        assert re.fullmatch(r"([A-Z]+[a-z0-9]+)+", alert.name)
        assert len(alert.name) <= 40
        assert re.fullmatch(r"[A-Z][^{}]+\.", alert.summary)
        assert "{{" in alert.description

    def test_has_a_runbook(self, alert: Alert) -> None:
        text = (ROOT / rules.runbook(alert.name)).read_text()
        assert text.startswith(f"# {alert.name}\n")
        for heading in ("**Symptom.**", "## First three commands", "## Likely causes", "## How to end it", "panel *"):
            assert heading in text
        commands = text.split("```sh\n")[1].split("```")[0].strip().splitlines()
        assert len(commands) == 3

    def test_is_tested_to_fire_and_not_to_fire(self, alert: Alert) -> None:
        cases = [
            case
            for file in rules.TESTS_DIR.glob("*.yaml")
            for test in yaml.safe_load(file.read_text())["tests"]
            for case in test.get("alert_rule_test", [])
            if case["alertname"] == alert.name
        ]
        assert any(case["exp_alerts"] for case in cases)
        assert any(not case["exp_alerts"] for case in cases)


def test_check_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    assert "2 alerts hold" in capsys.readouterr().out


def test_a_rules_test_that_fails_is_told(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(
        f"rule_files: [{rules.RULES_FILE}]\n"
        "tests: [{interval: 1m, input_series: [], promql_expr_test: "
        "[{expr: vector(1), eval_time: 1m, exp_samples: [{labels: '{}', value: 2}]}]}]\n"
    )
    with pytest.raises(AlertsError, match="FAILED"):
        promtool.run_tests([wrong])


def test_no_tests_is_not_a_pass() -> None:
    with pytest.raises(AlertsError, match="no rules tests"):
        promtool.run_tests([])


def test_a_missing_promtool_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["check"]) == 1
    assert capsys.readouterr().err == "alerts: promtool is missing; `make setup` installs it with prometheus\n"


def test_stale_rules_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rules, "RULES_FILE", tmp_path / "rules.yaml")
    assert main(["check"]) == 1
    assert "python -m alerts generate" in capsys.readouterr().err
    assert main(["generate"]) == 0
    assert (tmp_path / "rules.yaml").read_text() == rules.rules_yaml()
