"""Slots, and two gunicorn instances whose workers die."""

import os
import signal
from pathlib import Path

import psutil
import pytest
import urllib3
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from service import catalog
from service.config import Config
from service.telemetry import multiprocess
from tests.servers import Servers, answers_http, wait_until
from tests.service.telemetry.instances import gunicorn


@pytest.mark.parametrize(("taken", "free"), [([], 0), ([0, 1], 2), ([1, 2], 0), ([0, 2, 3], 1)])
def test_the_lowest_free_slot_is_taken(taken: list[int], free: int) -> None:
    assert multiprocess.lowest_free(taken) == free


def test_a_start_forgets_the_files_of_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "metrics"))
    multiprocess.remove_files()
    for name in ("counter_0.db", "gauge_livesum_0.db", "gauge_livesum_1.db", "keep.txt"):
        (tmp_path / "metrics" / name).touch()
    multiprocess.mark_dead(0)
    assert sorted(file.name for file in (tmp_path / "metrics").iterdir()) == [
        "counter_0.db", "gauge_livesum_1.db", "keep.txt",
    ]  # fmt: skip
    multiprocess.remove_files()
    assert [file.name for file in (tmp_path / "metrics").iterdir()] == ["keep.txt"]


def collected(directory: Path) -> CollectorRegistry:
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(directory))  # type: ignore[no-untyped-call]
    return registry


def refused(directory: Path) -> float:
    labels = {"method": "GET", "route": "/feed", "status": "401"}
    return collected(directory).get_sample_value("likestorm_http_requests_total", labels) or 0


def ask(url: str, times: int) -> None:
    for _ in range(times):
        assert urllib3.request("GET", f"{url}/feed", retries=3).status == 401


def replace_worker(url: str, master: psutil.Process) -> None:
    """Kill one worker and wait for the next."""
    before = {child.pid for child in master.children()}
    os.kill(min(before), signal.SIGKILL)
    wait_until(lambda: len(master.children()) == len(before) and {c.pid for c in master.children()} != before)
    wait_until(lambda: answers_http(f"{url}/healthz"))


def test_counters_survive_their_workers(servers: Servers, config: Config, tmp_path: Path) -> None:
    first, second = tmp_path / "app-1", tmp_path / "app-2"
    with gunicorn(servers, first, 1) as (url, master), gunicorn(servers, second, 2) as (other_url, other_master):
        ask(url, 20)
        ask(other_url, 30)
        replace_worker(url, master)
        replace_worker(other_url, other_master)
        ask(url, 5)
        ask(other_url, 7)
        wait_until(lambda: (refused(first), refused(second)) == (25, 37), what="all requests counted")
        wait_until(lambda: collected(first).get_sample_value("likestorm_http_requests_in_flight") == 0)
        names = {file.name for file in first.iterdir()}
        assert names == {"counter_0.db", "histogram_0.db", "gauge_livesum_0.db"}
        assert {file.name.rsplit("_", 1)[1] for file in second.iterdir()} == {"0.db", "1.db"}


def test_an_instance_that_ends_has_written_every_request(servers: Servers, config: Config, tmp_path: Path) -> None:
    labels = {"method": "GET", "route": "/feed"}
    with gunicorn(servers, tmp_path, 1) as (url, _):
        ask(url, 20)
    found = collected(tmp_path)
    assert found.get_sample_value(f"{catalog.HTTP_DURATION.name}_count", labels) == 20
    assert refused(tmp_path) == 20
