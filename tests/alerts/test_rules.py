"""The rules: the generated file is current, every name exists, and every alert has a runbook and tests."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from alerts import AlertsError, promtool, rules, slo, units
from alerts.__main__ import main
from alerts.model import Alert, Recording
from alerts.slo import OBJECTIVES
from dashboards.panels import DASHBOARDS
from service import catalog
from tests.alerts.metric_names import known_metrics, metrics_in

ROOT = Path(__file__).parents[2]
PANELS = {(dashboard.title, panel.title) for dashboard in DASHBOARDS for panel in dashboard.panels}
RECORDED = {recording.record for recording in rules.RECORDINGS}
TESTS = units.load(rules.TESTS_DIR)


def test_the_committed_file_is_what_the_rules_give() -> None:
    assert rules.RULES_FILE.read_text() == rules.to_yaml(rules.document()), "run `python -m alerts generate`"


def test_there_are_no_more_alerts_than_a_person_can_know() -> None:
    names = [alert.name for alert in rules.ALERTS]
    assert len(set(names)) == len(names) <= 40


@pytest.mark.parametrize("recording", rules.RECORDINGS, ids=lambda r: f"{r.record} {' '.join(r.labels.values())}")
def test_recordings_name_what_exists(recording: Recording) -> None:
    assert re.fullmatch(r"[a-z]+:[a-z_]+:[a-z0-9_]+", recording.record)
    assert metrics_in(recording.expr) <= known_metrics() | RECORDED


@pytest.mark.parametrize("alert", rules.ALERTS, ids=lambda alert: alert.name)
class TestEachAlert:
    def test_names_what_exists(self, alert: Alert) -> None:
        names = metrics_in(alert.expr)
        assert names
        assert names <= known_metrics() | RECORDED

    def test_keeps_to_the_style(self, alert: Alert) -> None:
        assert re.fullmatch(r"([A-Z]+[a-z0-9]+)+", alert.name)
        assert len(alert.name) <= 40
        assert re.fullmatch(r"[A-Z][^{}]+\.", alert.summary)
        assert "{{" in alert.description

    def test_has_a_runbook(self, alert: Alert) -> None:
        text = (ROOT / rules.runbook(alert.name)).read_text()
        assert text.startswith(f"# {alert.runbook or alert.name}\n")
        assert alert.name in text
        for heading in ("**Symptom.**", "## First three commands", "## Likely causes", "## How to end it"):
            assert heading in text
        named = re.findall(r"Dashboard \*([^*]+)\*, panel \*([^*]+)\*", text)
        assert named
        assert set(named) <= PANELS
        commands = text.split("```sh\n")[1].split("```")[0].strip().splitlines()
        assert len(commands) == 3
        for query in re.findall(r"promtool query instant \S+ '([^']+)'", text):
            assert metrics_in(query) <= known_metrics() | RECORDED

    def test_is_tested_to_fire_and_not_to_fire(self, alert: Alert) -> None:
        cases = [
            case
            for unit in TESTS
            for case in unit.content.get("alert_rule_test", [])
            if case["alertname"] == alert.name
        ]
        assert any(case["exp_alerts"] for case in cases)
        assert any(not case["exp_alerts"] for case in cases)


def test_every_runbook_belongs_to_an_alert() -> None:
    runbooks = {path.stem for path in (ROOT / rules.RUNBOOKS).glob("*.md")}
    assert runbooks == {alert.runbook or alert.name for alert in rules.ALERTS}


@pytest.mark.parametrize("kind", slo.KINDS, ids=lambda kind: kind.prefix)
def test_the_runbook_of_a_burn_rate_has_its_windows(kind: slo.Kind) -> None:
    text = (ROOT / rules.RUNBOOKS / f"{kind.prefix}Burn.md").read_text()
    for window in slo.WINDOWS:
        long, short = (re.sub(r"(\d+)m$", r"\1min", each) for each in (window.long, window.short))
        spoken = " and ".join(re.sub(r"(\d+)", r"\1 ", each) for each in (long, short))
        assert f"| `{kind.prefix}Burn{window.long}` | {window.factor:g} | {spoken} |" in text


@pytest.mark.parametrize("unit", TESTS, ids=lambda unit: unit.name)
def test_rules_are_tested_with_series_that_exist(unit: units.Unit) -> None:
    assert unit.given <= known_metrics() | RECORDED


def test_every_test_says_something() -> None:
    assert [unit.name for unit in TESTS if not unit.names] == []
    assert len({unit.name for unit in TESTS}) == len(TESTS)


def test_every_objective_has_its_budgets() -> None:
    budgets = {
        (each.labels["sli"], each.labels["route"]) for each in slo.RECORDINGS if each.record == "route:slo_budget:ratio"
    }
    routes = {(sli, each.route) for each in OBJECTIVES.routes.values() for sli in ("availability", "latency")}
    assert budgets == routes | {("chain", each.chain) for each in OBJECTIVES.chains.values()}


def test_every_objective_is_a_bound_of_its_histogram() -> None:
    assert {each.seconds for each in OBJECTIVES.routes.values()} <= set(catalog.HTTP_DURATION.buckets)
    assert {each.seconds for each in OBJECTIVES.chains.values()} <= set(catalog.CHAIN_DURATION.buckets)


def test_check_passes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On one file of tests: `make lint` is the check of them all."""
    shutil.copy(min(rules.TESTS_DIR.glob("*.yaml"), key=lambda file: file.stat().st_size), tmp_path)
    monkeypatch.setattr(rules, "TESTS_DIR", tmp_path)
    assert main(["check"]) == 0
    assert f"{len(rules.ALERTS)} alerts hold, {len(units.load(tmp_path))} tests pass" in capsys.readouterr().out


def unit(expr: str, value: float) -> units.Unit:
    case = {"expr": expr, "eval_time": "1m", "exp_samples": [{"labels": "{}", "value": value}]}
    content = {"name": "x", "interval": "1m", "input_series": [], "promql_expr_test": [case]}
    return units.Unit("f.yaml", "1m", content)


def test_a_rules_test_that_fails_is_told() -> None:
    promtool.run_tests([unit("vector(1)", 1)], [])
    with pytest.raises(AlertsError, match=r"f.yaml: x\nFAILED"):
        promtool.run_tests([unit("vector(1)", 2)], [])


def test_a_rules_test_that_cannot_be_read_is_told() -> None:
    with pytest.raises(AlertsError, match="FAILED"):
        promtool.run_tests([unit("vector(", 1)], [])


def test_no_tests_is_not_a_pass() -> None:
    with pytest.raises(AlertsError, match="no rules tests"):
        promtool.run_tests([], [])


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
    assert (tmp_path / "rules.yaml").read_text() == rules.to_yaml(rules.document())


def test_a_test_has_no_more_rules_than_it_is_about() -> None:
    listed = [
        {"record": "a:b:c", "expr": "x"},
        {"record": "a:b:d", "expr": 'a:b:c{z="a:b:e"}'},
        {"record": "a:b:e", "expr": "x"},
        {"alert": "A", "expr": "a:b:d > 1"},
    ]
    series = yaml.safe_load("{name: n, input_series: [], alert_rule_test: [{alertname: A}]}")
    assert [units.name_of(rule) for rule in units.relevant(listed, units.Unit("f", "1m", series))] == [
        "a:b:c", "a:b:d", "A",
    ]  # fmt: skip
    series["input_series"] = [{"series": 'a:b:d{x="1"}'}]
    assert [units.name_of(rule) for rule in units.relevant(listed, units.Unit("f", "1m", series))] == ["A"]
