"""Queries to a real Prometheus, and the generated files."""

import time
from pathlib import Path

import pytest
from likestorm.results.prometheus import Prometheus, PrometheusError

from dashboards.__main__ import main


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


def test_generate_writes_the_committed_files(capsys: pytest.CaptureFixture[str]) -> None:
    from dashboards import generation

    before = {path: path.read_bytes() for path in generation.files()}
    assert main(["generate"]) == 0
    assert {path: path.read_bytes() for path in before} == before
    assert [Path(line) for line in capsys.readouterr().out.splitlines()] == list(before)
