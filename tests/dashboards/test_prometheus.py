"""Questions to a real Prometheus, and what is told of one that is away."""

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from dashboards import DashboardsError
from dashboards.__main__ import main
from dashboards.panels import PANELS
from dashboards.prometheus import Prometheus, empty_panels

READY_WITHIN_S = 15.0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(name="url", scope="module")
def _url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that scrapes only itself."""
    folder, port = tmp_path_factory.mktemp("prometheus"), _free_port()
    config = folder / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 200ms}\n"
        f"scrape_configs: [{{job_name: self, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]\n"
    )
    command = [
        "prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}", "--log.level=error",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        url = f"http://127.0.0.1:{port}"
        try:
            _await_first_scrape(url)
            yield url
        finally:
            running.terminate()
            running.wait(10)


def _await_first_scrape(url: str) -> None:
    end = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < end:
        try:
            if requests.get(f"{url}/api/v1/query", {"query": "up == 1"}, timeout=1).json()["data"]["result"]:
                return
        except (requests.ConnectionError, ValueError, KeyError):
            pass
        time.sleep(0.05)
    raise TimeoutError("Prometheus did not scrape itself")


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
    with pytest.raises(DashboardsError, match="parse error"):
        Prometheus(url).recent("rate(")


def test_check_names_the_empty_panels(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--prometheus", url, "--seconds", "3"]) == 1
    said = capsys.readouterr().err
    always = {"alerts-firing"}  # nothing fires at a Prometheus without rules either
    empty = {panel.id for panel in PANELS if f"panel {panel.id} has no data" in said}
    assert empty == {panel.id for panel in PANELS if not panel.empty} - always


def test_a_prometheus_that_is_away_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--prometheus", f"http://127.0.0.1:{_free_port()}"]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "no answer from Prometheus" in said


def test_a_panel_of_nothing_but_nan_is_empty() -> None:
    wanted = [panel.id for panel in PANELS if not panel.empty]
    assert 60 < len(wanted) < len(PANELS)
    assert empty_panels(lambda promql: [[float("nan")]]) == wanted
    assert empty_panels(lambda promql: [[float("nan")], [0.0]]) == []


def test_generate_writes_the_committed_files(capsys: pytest.CaptureFixture[str]) -> None:
    from dashboards import grafana, metrics

    before = {path: path.read_bytes() for path in (*grafana.files(), metrics.FILE)}
    assert main(["generate"]) == 0
    assert {path: path.read_bytes() for path in before} == before
    assert [Path(line) for line in capsys.readouterr().out.splitlines()] == list(before)
