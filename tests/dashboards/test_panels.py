"""The panel catalogue: names that exist, queries that parse, words for each panel."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from alerts import rules
from dashboards.panels import OVERVIEW, PANELS, RUN_WINDOW, Panel
from service import catalog
from tests.alerts.metric_names import known_metrics, metrics_in


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.id)
def test_every_metric_exists(panel: Panel) -> None:
    names = metrics_in(panel.promql(RUN_WINDOW))
    assert names
    assert names <= known_metrics()


def test_a_misspelt_metric_would_be_noticed() -> None:
    assert metrics_in("sum(rate(likestorm_photo_total[5s]))") == {"likestorm_photo_total"}
    assert not metrics_in("sum(rate(likestorm_photo_total[5s]))") <= known_metrics()


def test_labels_of_the_services_metrics_exist() -> None:
    labels = {metric.name: {*metric.labels, "le", "instance", "job"} for metric in catalog.METRICS}
    for panel in PANELS:
        for name, matchers in re.findall(r"(likestorm_\w+)\{([^}]*)\}", panel.query):
            assert set(re.findall(r"(\w+)=", matchers)) <= labels[name]


def test_ids_are_unique_and_everything_is_worded() -> None:
    assert len({panel.id for panel in PANELS}) == len(PANELS)
    assert all(panel.title and panel.question and panel.unit and panel.legend for panel in PANELS)


def test_alerts_that_panels_name_exist() -> None:
    named = {panel.alert for panel in OVERVIEW if panel.alert}
    assert named
    assert named <= {alert.name for alert in rules.ALERTS}


def test_promtool_parses_every_query(tmp_path: Path) -> None:
    queries = [{"record": f"panel:number{i}:query", "expr": p.promql(RUN_WINDOW)} for i, p in enumerate(PANELS)]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": queries}]}))
    done = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"SUCCESS: {len(PANELS)} rules found" in done.stdout


def test_the_window_is_filled_in() -> None:
    assert all("$window" not in panel.promql("5s") for panel in PANELS)


def test_a_legend_takes_its_labels() -> None:
    panel = Panel("x", "X", "?", "up", "{{method}} {{route}}", "short")
    assert panel.name_of({"method": "PUT", "route": "/photos/<id>/like"}) == "PUT /photos/<id>/like"


def test_thresholds_are_the_objectives() -> None:
    by_id = {panel.id: panel for panel in PANELS}
    assert [t.value for t in by_id["latency-p99"].thresholds] == [0.05, 0.1, 0.2]
    assert [t.value for t in by_id["error-ratio"].thresholds] == [0.005]
