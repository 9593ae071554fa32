"""The committed dashboards: what the generator gives, and the rules of Grafana's dashboard linter."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from likestorm.panels import grafana

from dashboards import generation, metrics
from dashboards.panels import DASHBOARDS, Dashboard
from tests.alerts.metric_names import metrics_in

FILES = generation.files()
SERVICE_WIDE = {"overview", "slo", "media", "work", "run"}
"""Dashboards on which no instance is chosen: their numbers are of the whole service."""


@pytest.fixture(name="dashboard", params=[each.name for each in DASHBOARDS])
def _dashboard(request: pytest.FixtureRequest) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads((generation.GENERATED / f"{request.param}.json").read_text())
    return parsed


def _source(dashboard: dict[str, Any]) -> Dashboard:
    return next(each for each in DASHBOARDS if grafana.uid(each.name) == dashboard["uid"])


def _panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def _queries(dashboard: dict[str, Any]) -> Iterator[str]:
    for panel in _panels(dashboard):
        for target in panel["targets"]:
            yield target["expr"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_committed_file_is_what_the_generator_gives(path: Path) -> None:
    assert path.read_text() == FILES[path], "run `python -m dashboards generate`"


def test_the_committed_metrics_are_what_the_generator_gives() -> None:
    assert (generation.GENERATED / "metrics.md").read_text() == metrics.document(), (
        "run `python -m dashboards generate`"
    )


def test_nothing_else_is_committed_beside_them() -> None:
    assert set(generation.GENERATED.iterdir()) == set(FILES)


def test_it_is_found_again_and_takes_any_prometheus(dashboard: dict[str, Any]) -> None:
    source = _source(dashboard)
    assert dashboard["title"] == f"Likestorm: {source.title}"
    variables = {each["name"]: each for each in dashboard["templating"]["list"]}
    assert (variables["datasource"]["type"], variables["datasource"]["query"]) == ("datasource", "prometheus")
    wanted = [name for name, there in (("instance", source.jobs), ("run", source.by_run)) if there]
    assert [*variables] == ["datasource", *wanted]
    for panel in _panels(dashboard):
        assert panel["datasource"]["uid"] == "${datasource}"
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])


def test_each_panel_is_whole(dashboard: dict[str, Any]) -> None:
    source = _source(dashboard)
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert ids == list(range(1, len(source.panels) + len(source.rows) + 1))
    for panel, wanted in zip(_panels(dashboard), source.panels, strict=True):
        assert panel["title"] == wanted.title
        assert panel["description"].startswith(wanted.question)
        assert panel["fieldConfig"]["defaults"]["unit"] == wanted.unit
        assert panel["fieldConfig"]["defaults"]["noValue"]
        assert [target["refId"] for target in panel["targets"]] == ["A"]
        if panel["type"] == "timeseries":
            assert panel["options"]["legend"]["showLegend"] is True


def test_rates_are_over_grafana_s_own_interval_or_over_an_objective_s(dashboard: dict[str, Any]) -> None:
    for query in _queries(dashboard):
        for window in re.findall(r"\[([^\]]+)\]", re.sub(r'"[^"]*"', "", query)):
            assert window in ("$__rate_interval", "5m", "1h", "6h")
        assert "$window" not in query


def test_every_selector_names_its_job(dashboard: dict[str, Any]) -> None:
    """As the linter's target-job-rule asks: a metric of the same name from elsewhere does not add to ours."""
    for query in _queries(dashboard):
        for name in metrics_in(query) - {"ALERTS"}:
            for matchers in re.findall(rf"\b{name}\b(?:\{{([^}}]*)\}})?", query):
                assert "job=" in matchers, query


def test_what_is_chosen_is_asked_for(dashboard: dict[str, Any]) -> None:
    """As the linter's target-instance-rule asks, where the numbers are those of instances."""
    chosen = {each["name"] for each in dashboard["templating"]["list"]} - {"datasource"}
    asked = {name for name in ("instance", "run") if any(f"${name}" in query for query in _queries(dashboard))}
    assert asked == chosen
    assert ("instance" in chosen) == (_source(dashboard).name not in SERVICE_WIDE)


def test_panels_fill_the_grid_without_overlap(dashboard: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        grid = panel["gridPos"]
        assert grid["x"] + grid["w"] <= 24
        cells = {(grid["x"] + dx, grid["y"] + dy) for dx in range(grid["w"]) for dy in range(grid["h"])}
        assert not cells & taken
        taken |= cells


def test_runs_and_alerts_are_marked_and_the_others_are_a_click_away(dashboard: dict[str, Any]) -> None:
    runs, alerts = dashboard["annotations"]["list"]
    assert runs["target"]["tags"] == ["likestorm", "run"]
    assert alerts["expr"] == 'ALERTS{alertstate="firing"}'
    [link] = dashboard["links"]
    assert (link["type"], link["tags"], link["keepTime"]) == ("dashboards", dashboard["tags"], True)
    assert "placement" not in link


def test_panels_lead_to_dashboards_that_exist(dashboard: dict[str, Any]) -> None:
    uids = {grafana.uid(each.name) for each in DASHBOARDS}
    for panel in _panels(dashboard):
        for link in panel.get("links", []):
            assert re.match(r"/d/([\w-]+)\?\$\{__url_time_range\}", link["url"])[1] in uids  # type: ignore[index]


def test_a_panel_that_is_watched_says_by_which_alert() -> None:
    overview = json.loads((generation.GENERATED / "overview.json").read_text())
    photos = next(panel for panel in _panels(overview) if panel["title"] == "Photos per second")
    assert "alerts/runbooks/PhotoRateOutOfRange.md" in photos["description"]


def test_thresholds_start_below_everything() -> None:
    overview = json.loads((generation.GENERATED / "overview.json").read_text())
    latency = next(panel for panel in _panels(overview) if panel["title"] == "p99 by route")
    steps = latency["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [(step["value"], step["color"]) for step in steps] == [
        (None, "green"), (0.05, "orange"), (0.1, "orange"), (0.2, "red"),
    ]  # fmt: skip


def test_provisioning_by_files_says_the_same() -> None:
    folder = generation.GENERATED.parent / "provisioning"
    [source] = yaml.safe_load((folder / "datasources" / "likestorm.yaml").read_text())["datasources"]
    [provider] = yaml.safe_load((folder / "dashboards" / "likestorm.yaml").read_text())["providers"]
    assert (source["uid"], source["type"]) == (grafana.DATASOURCE_UID, "prometheus")
    assert provider["folderUid"] == grafana.TAG
