"""Observations that wait: none is lost, none counts twice, and each gets into its bucket."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import pytest
import urllib3
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from service import catalog
from service.config import Config
from service.telemetry import buffer
from service.telemetry.buffer import Buffer
from tests.servers import Servers, wait_until
from tests.service.telemetry.instances import ROOT, gunicorn

OBSERVE = """
import sys
from service import catalog
from service.telemetry.metrics import Metrics

metrics = Metrics()
metrics.watch(catalog.HTTP_IN_FLIGHT, lambda: 7)
observe = metrics.histogram(catalog.DB_POOL_WAIT).observe
tell = metrics.tally(catalog.PHOTOS, when=lambda amount: amount > 1)
none = metrics.tally(catalog.COMMENTS, when=bool)
none(0)
for amount in sys.argv[1:]:
    observe(float(amount))
    tell(float(amount))
"""


def collected(folder: Path) -> CollectorRegistry:
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(folder))  # type: ignore[no-untyped-call]
    return registry


def test_what_threads_note_while_others_count_is_counted_once() -> None:
    counted: list[float] = []
    waiting = Buffer()
    note = waiting.hold(counted.extend)
    each = 20_000

    def observe(start: int) -> None:
        for number in range(start, 4 * each, 4):
            note(number)

    def count() -> None:
        for _ in range(200):
            waiting.count()

    with ThreadPoolExecutor(6) as threads:
        done = [threads.submit(observe, start) for start in range(4)] + [threads.submit(count) for _ in range(2)]
    assert [future.result() for future in done] == [None] * 6
    waiting.close()
    assert sorted(counted) == list(range(4 * each))


def test_it_counts_and_looks_by_itself() -> None:
    told: list[list[float]] = []
    looks: list[int] = []
    waiting = Buffer()
    note = waiting.hold(told.append)
    waiting.watch(lambda: looks.append(len(told)))
    for amount in (1.0, 2.0):
        note(amount)
    wait_until(lambda: list(chain(*told)) == [1.0, 2.0] and len(looks) > 1, what="counted")
    waiting.close()
    waiting.close()
    assert list(chain(*told)) == [1.0, 2.0]
    assert all(told), "who has nothing to count is left alone"


def test_what_cannot_be_counted_is_told_and_keeps_nothing_else_from_being_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told: list[float] = []
    waiting = Buffer()
    broken = waiting.hold(lambda amounts: [][len(amounts)])
    note = waiting.hold(told.extend)
    for amount in (1.0, 2.0):
        broken(amount)
        note(amount)
        wait_until(lambda amount=amount: amount in told, what="counted")  # type: ignore[misc]
    waiting.close()
    assert told == [1.0, 2.0]
    assert [record.getMessage() for record in caplog.records] == ["1 observations could not be counted"] * 2


def test_a_process_that_ends_has_counted_all_of_it_in_the_right_buckets(tmp_path: Path) -> None:
    bounds = catalog.DB_POOL_WAIT.buckets
    amounts = [0.0, *bounds, *(bound * 1.0001 for bound in bounds), 1e9]
    subprocess.run(
        [sys.executable, "-c", OBSERVE, *map(repr, amounts)],
        env=os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}, check=True,
    )  # fmt: skip
    reference = CollectorRegistry()
    plain = Histogram(catalog.DB_POOL_WAIT.name, "The library's own.", registry=reference, buckets=bounds)
    for amount in amounts:
        plain.observe(amount)
    found = collected(tmp_path)
    lines = [line for line in generate_latest(reference).decode().splitlines() if "_bucket" in line or "_count" in line]
    assert len(lines) == len(bounds) + 2
    assert set(lines) <= set(generate_latest(found).decode().splitlines())
    assert found.get_sample_value(f"{catalog.DB_POOL_WAIT.name}_sum") == sum(amounts)
    assert found.get_sample_value(catalog.HTTP_IN_FLIGHT.name) == 7
    assert found.get_sample_value(catalog.PHOTOS.name) == sum(amount > 1 for amount in amounts) > 1
    assert found.get_sample_value(catalog.COMMENTS.name) == 0


def test_an_instance_that_is_told_to_end_leaves_every_duration(
    servers: Servers, config: Config, tmp_path: Path
) -> None:
    labels = {"method": "GET", "route": "/feed"}
    with gunicorn(servers, tmp_path, 1) as (url, _):
        for _ in range(20):
            assert urllib3.request("GET", f"{url}/feed").status == 401
    assert buffer.INTERVAL_S > 0.1, "or they were all counted before it ended"
    assert collected(tmp_path).get_sample_value(f"{catalog.HTTP_DURATION.name}_count", labels) == 20
