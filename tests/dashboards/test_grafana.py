"""The committed dashboard: what the generator gives, and what Grafana's linter asks for."""

import json
from typing import Any

import pytest

from dashboards import grafana
from dashboards.panels import OVERVIEW


@pytest.fixture(name="dashboard", scope="module")
def _dashboard() -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(grafana.OVERVIEW_FILE.read_text())
    return parsed


def test_the_committed_file_is_what_the_generator_gives() -> None:
    assert grafana.OVERVIEW_FILE.read_text() == grafana.overview_json(), "run `python -m dashboards generate`"


def test_it_is_found_again_and_takes_any_prometheus(dashboard: dict[str, Any]) -> None:
    assert dashboard["uid"] == "likestorm-overview"
    assert [(v["name"], v["type"], v["query"]) for v in dashboard["templating"]["list"]] == [
        ("datasource", "datasource", "prometheus")
    ]
    for panel in dashboard["panels"]:
        assert panel["datasource"]["uid"] == "${datasource}"
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])


def test_each_panel_is_whole(dashboard: dict[str, Any]) -> None:
    panels = dashboard["panels"]
    assert [panel["id"] for panel in panels] == list(range(1, len(OVERVIEW) + 1))
    for panel, source in zip(panels, OVERVIEW, strict=True):
        assert panel["title"] == source.title
        assert panel["description"].startswith(source.question)
        assert panel["fieldConfig"]["defaults"]["unit"] == source.unit
        assert panel["options"]["legend"]["showLegend"] is True
        assert [target["refId"] for target in panel["targets"]] == ["A"]
        assert "$__rate_interval" in panel["targets"][0]["expr"] or "rate(" not in source.query


def test_panels_fill_the_grid_without_overlap(dashboard: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        grid = panel["gridPos"]
        assert grid["x"] + grid["w"] <= 24
        cells = {(grid["x"] + dx, grid["y"] + dy) for dx in range(grid["w"]) for dy in range(grid["h"])}
        assert not cells & taken
        taken |= cells


def test_a_panel_that_is_watched_says_by_which_alert(dashboard: dict[str, Any]) -> None:
    photos = next(panel for panel in dashboard["panels"] if panel["title"] == "Photos per second")
    assert "alerts/runbooks/PhotoRateOutOfRange.md" in photos["description"]


def test_thresholds_start_below_everything(dashboard: dict[str, Any]) -> None:
    latency = next(panel for panel in dashboard["panels"] if panel["title"] == "p99 by route")
    steps = latency["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [step["value"] for step in steps] == [None, 0.05, 0.1, 0.2]
