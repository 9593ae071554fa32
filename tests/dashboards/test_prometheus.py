"""Questions to a real Prometheus, and what is told of one that is away."""

import time
from pathlib import Path

import pytest
from likestorm.results.prometheus import Prometheus, PrometheusError

from dashboards.__main__ import empty_panels, main
from dashboards.panels import PANELS
from tests.ports import free_port


def test_values_by_series(url: str) -> None:
    assert Prometheus(url).recent("vector(7)", 3)[0] == [7.0] * 4


def test_range_and_samples_have_labels_and_times(url: str) -> None:
    now = time.time()
    (up,) = Prometheus(url).samples("up", now - 10, now)
    assert up.labels["job"] == "self"
    assert set(up.values) == {1.0}
    (seven,) = Prometheus(url).range("vector(7)", now - 2, now)
    assert [round(at - now + 2, 2) for at, _ in seven.points] == [0, 1, 2]


def test_a_wrong_query_is_told(url: str) -> None:
    with pytest.raises(PrometheusError, match="parse error"):
        Prometheus(url).recent("rate(")


def test_check_names_the_empty_panels(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--prometheus", url, "--seconds", "3"]) == 1
    said = capsys.readouterr().err
    always = {"alerts-firing"}  # nothing fires at a Prometheus without rules either
    empty = {panel.id for panel in PANELS if f"panel {panel.id} has no data" in said}
    assert empty == {panel.id for panel in PANELS if not panel.empty} - always


def test_a_prometheus_that_is_away_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--prometheus", f"http://127.0.0.1:{free_port()}"]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "no answer from Prometheus" in said


def test_a_panel_of_nothing_but_nan_is_empty() -> None:
    wanted = [panel.id for panel in PANELS if not panel.empty]
    assert 60 < len(wanted) < len(PANELS)
    assert empty_panels(lambda promql: [[float("nan")]]) == wanted
    assert empty_panels(lambda promql: [[float("nan")], [0.0]]) == []


def test_generate_writes_the_committed_files(capsys: pytest.CaptureFixture[str]) -> None:
    from dashboards import generation

    before = {path: path.read_bytes() for path in generation.files()}
    assert main(["generate"]) == 0
    assert {path: path.read_bytes() for path in before} == before
    assert [Path(line) for line in capsys.readouterr().out.splitlines()] == list(before)
