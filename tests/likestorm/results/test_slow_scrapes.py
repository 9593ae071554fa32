"""A run's panels where Prometheus scrapes each five seconds, from a real Prometheus that holds such samples."""

import math
import subprocess
import tarfile
import time
from collections.abc import Iterator

import pytest
from likestorm.results import collect
from likestorm.results.prometheus import Prometheus, PrometheusError
from likestorm.results.record.target import PanelData
from likestorm.results.running import ExpectedScrape, Running
from likestorm.scenario import Budgets, Scenario

from compose.topology import named
from dashboards import history, view
from dashboards.panels import BY_ID, REPORTED, RUN_WINDOW, window_of
from service import catalog
from tests.ports import free_port

INTERVAL_S = named("2011").scrape_interval_s
SECONDS, LIKES_PER_SECOND = 120, 90
OFFSET_S = 0.4
"""Scrapes and the moments that are asked about do not fall together."""
LIKES = "likes-per-second"


def _samples(begin: int) -> Iterator[str]:
    """What was scraped of one app instance, as OpenMetrics; one scrape was missed."""
    likes = catalog.LIKES.name
    yield "# TYPE up gauge"
    moments = [at for at in range(0, SECONDS + 1, INTERVAL_S) if at != 12 * INTERVAL_S]
    labels = '{job="app",instance="app-1"}'
    yield from (f"up{labels} 1 {begin + at + OFFSET_S}" for at in moments)
    yield f"# TYPE {likes.removesuffix('_total')} counter"
    yield from (f"{likes}{labels} {LIKES_PER_SECOND * at} {begin + at + OFFSET_S}" for at in moments)
    yield "# EOF"


@pytest.fixture(name="begin", scope="module")
def _begin() -> int:
    """Unix time of the first scrape, nearly."""
    return int(time.time()) - 2 * SECONDS


@pytest.fixture(name="prometheus", scope="module")
def _prometheus(begin: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("slow-scrapes")
    text = folder / "samples.txt"
    text.write_text("\n".join(_samples(begin)) + "\n")
    blocks = folder / "blocks"
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(text), str(blocks)]
    subprocess.run(command, check=True, capture_output=True)
    with tarfile.open(folder / history.FILE, "w:gz") as archive:
        for block in blocks.iterdir():
            archive.add(block, block.name)
    with history.opened(folder) as url:
        yield Prometheus(url)


def test_the_interval_is_learnt_from_the_scrapes(prometheus: Prometheus, begin: int) -> None:
    assert INTERVAL_S == 5
    assert prometheus.scrape_interval_s(begin + SECONDS + 1) == INTERVAL_S
    assert prometheus.scrape_interval_s(begin - 1) == 1, "nothing was scraped before"


def test_a_page_about_any_prometheus_has_rates_over_its_own_scrapes(prometheus: Prometheus) -> None:
    assert view.found_at(prometheus.url).interval_s == INTERVAL_S
    assert view.found_at(f"http://127.0.0.1:{free_port()}").interval_s == 1


def test_the_window_holds_at_least_four_intervals_and_five_seconds() -> None:
    assert [window_of(interval) for interval in (0.2, 1, 2, 5, 15)] == [RUN_WINDOW, RUN_WINDOW, "10s", "25s", "75s"]


class _Running(Running):
    scrapes = (ExpectedScrape("app", "app-1", INTERVAL_S),)

    def __init__(self, prometheus: str) -> None:
        super().__init__("http://127.0.0.1:8080")
        self.prometheus = prometheus

    def panels(self, scrape_interval_s: float) -> list[PanelData]:
        return [PanelData(panel.id, panel.promql(window_of(scrape_interval_s)), []) for panel in REPORTED]


def test_a_runs_panels_have_data_at_every_moment(prometheus: Prometheus, begin: int) -> None:
    start, end = begin + SECONDS / 2, begin + SECONDS
    seen = {
        each.panel: each
        for each in collect.observe(_Running(prometheus.url), Scenario("s", "", Budgets()), start, end).panels
    }
    assert set(seen) == {panel.id for panel in REPORTED}
    assert seen[LIKES].query == BY_ID[LIKES].promql("25s")
    [series] = seen[LIKES].series
    assert len(series.values) == SECONDS / 2 + 1
    # Where a scrape is missing at its edge, a rate is told of less than the window.
    assert all(value == pytest.approx(LIKES_PER_SECOND, rel=0.3) for value in series.values)
    # In five seconds there are never two scrapes, so a rate over them says nothing.
    too_short = prometheus.range(BY_ID[LIKES].promql(RUN_WINDOW), start, end)
    assert [value for each in too_short for value in each.values if math.isfinite(value)] == []


def test_samples_and_values_have_labels_and_times(prometheus: Prometheus, begin: int) -> None:
    (up,) = prometheus.samples("up", begin, begin + 2 * INTERVAL_S)
    assert (up.labels["job"], set(up.values)) == ("app", {1.0})
    (seven,) = prometheus.range("vector(7)", begin, begin + 2)
    assert seven.points == [(begin, 7.0), (begin + 1, 7.0), (begin + 2, 7.0)]


def test_a_wrong_query_is_an_error_with_its_reason(prometheus: Prometheus, begin: int) -> None:
    with pytest.raises(PrometheusError, match="parse error"):
        prometheus.range("rate(", begin, begin + 1)
