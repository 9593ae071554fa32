"""The panel catalogue: names that exist, queries that parse, words for each panel."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from likestorm.generator.metrics import LOAD_METRICS
from likestorm.panels.model import COLUMNS, named, share

from alerts import rules
from alerts.slo import OBJECTIVES
from dashboards.panels import BY_ID, DASHBOARDS, PANELS, REPORTED, RUN_WINDOW, Panel, slo
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


def test_labels_of_our_own_metrics_exist() -> None:
    own = [(metric.name, metric.labels) for metric in catalog.METRICS]
    own += [(metric.name, metric.labels) for metric in LOAD_METRICS]
    labels = {name: {*names, "le", "instance", "job"} for name, names in own}
    seen = 0
    for panel in PANELS:
        for series, matchers in re.findall(r"(likestorm_\w+)\{([^}]*)\}", panel.query):
            name = series if series in labels else re.sub(r"_(bucket|sum|count)$", "", series)
            assert set(re.findall(r"(\w+)(?:=|!~|!=|=~)\"", matchers)) <= labels[name]
            seen += 1
    assert seen > 50


def test_ids_are_unique_and_everything_is_worded() -> None:
    assert len({panel.id for panel in PANELS}) == len(PANELS)
    for dashboard in DASHBOARDS:
        assert dashboard.purpose.endswith(".")
        for panel in dashboard.panels:
            assert BY_ID[panel.id] is panel
            assert panel.title
            assert panel.question.endswith((".", "?"))
            assert panel.unit
            assert panel.legend


def test_the_wall_screen_has_few_panels_and_all_the_dashboards_are_there() -> None:
    assert [dashboard.name for dashboard in DASHBOARDS] == ["overview", "slo", "http", "data", "media", "work", "run"]
    assert len(DASHBOARDS[0].panels) <= 10
    assert {panel.more for panel in PANELS} <= {"", *(dashboard.name for dashboard in DASHBOARDS)}
    assert all(panel.width <= COLUMNS for panel in PANELS)


def test_the_report_takes_panels_of_the_catalogue_once() -> None:
    assert len(set(REPORTED)) == len(REPORTED)
    assert set(REPORTED) < set(PANELS)


def test_alerts_that_panels_name_exist() -> None:
    named_alerts = {panel.alert for panel in PANELS if panel.alert}
    assert named_alerts
    assert named_alerts <= {alert.name for alert in rules.ALERTS}


def test_promtool_parses_every_query(tmp_path: Path) -> None:
    queries = [{"record": f"panel:number{i}:query", "expr": p.promql(RUN_WINDOW)} for i, p in enumerate(PANELS)]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": queries}]}))
    done = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"SUCCESS: {len(PANELS)} rules found" in done.stdout


def test_everything_is_filled_in() -> None:
    assert all("$" not in panel.promql("5s") for panel in PANELS)
    panel = Panel("x", "X", "?", 'up{instance=~"$instance",run=~"$run"}', "up", "short")
    assert panel.promql("5s", instance="app-1") == 'up{instance=~"app-1",run=~".*"}'


def test_a_legend_takes_its_labels() -> None:
    panel = Panel("x", "X", "?", "up", "{{method}} {{route}}", "short")
    assert panel.name_of({"method": "PUT", "route": "/photos/<id>/like"}) == "PUT /photos/<id>/like"


def test_several_queries_are_one_with_names() -> None:
    assert named("kind", all_of_it="sum(a)", rest="sum(b)") == (
        'label_replace(sum(a), "kind", "all of it", "", "") or label_replace(sum(b), "kind", "rest", "", "")'
    )
    assert share("all", 'a="b"', 'c="d"', "cache") == (
        '(sum by (cache) (rate(all{a="b",c="d"}[$window])) or 0 * sum by (cache) (rate(all{a="b"}[$window])))'
        ' / (sum by (cache) (rate(all{a="b"}[$window])) > 0)'
    )


def test_thresholds_are_the_objectives() -> None:
    assert [t.value for t in BY_ID["latency-p99"].thresholds] == [0.05, 0.1, 0.2]
    assert [t.value for t in BY_ID["error-ratio"].thresholds] == [0.005]
    assert [t.value for t in BY_ID["chain-p99"].thresholds] == [5, 10, 30]


@pytest.mark.parametrize("panel", [slo.LATENCY_STATE, slo.ERROR_STATE, slo.CHAIN_STATE], ids=lambda panel: panel.id)
def test_each_objective_has_its_tile(panel: Panel) -> None:
    wanted = OBJECTIVES.chains if panel is slo.CHAIN_STATE else OBJECTIVES.routes
    assert set(re.findall(r'"objective", "([\w-]+)"', panel.query)) == set(wanted)


def test_limits_of_objectives_are_bounds_of_buckets() -> None:
    """A burn rate counts by the bucket that ends at the limit; without such a bucket it would be empty for ever."""
    assert {each.seconds for each in OBJECTIVES.routes.values()} <= set(catalog.HTTP_DURATION.buckets)
    assert {each.seconds for each in OBJECTIVES.chains.values()} <= set(catalog.CHAIN_DURATION.buckets)
