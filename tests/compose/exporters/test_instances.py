"""The page of an instance's metric files."""

import os
import subprocess
import sys
from pathlib import Path

from compose.exporters.instances import expose
from compose.layout import CLONE

WRITE = """
import sys
from service import catalog
from service.telemetry import multiprocess
from service.telemetry.metrics import Metrics

multiprocess.set_slot(int(sys.argv[1]))
metrics = Metrics()
metrics.counter(catalog.LIKES).inc(3)
metrics.gauge(catalog.HTTP_IN_FLIGHT).inc(2)
for seconds in (0.0001, 0.003, 9.0):
    metrics.histogram(catalog.DB_POOL_WAIT).observe(seconds)
"""


def write(folder: Path, slot: int) -> None:
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(folder), "PYTHONPATH": str(CLONE)}
    subprocess.run([sys.executable, "-c", WRITE, str(slot)], env=environment, check=True)


def test_the_page_sums_all_processes_and_a_successor_continues_their_counts(tmp_path: Path) -> None:
    assert expose(tmp_path / "absent") == expose(tmp_path) == b""
    for slot in (0, 1, 1):
        write(tmp_path, slot)
    lines = expose(tmp_path).decode().splitlines()
    assert "likestorm_likes_total 9.0" in lines
    assert 'likestorm_db_pool_wait_seconds_bucket{le="0.0002"} 3.0' in lines
    assert 'likestorm_db_pool_wait_seconds_bucket{le="0.005"} 6.0' in lines
    assert 'likestorm_db_pool_wait_seconds_bucket{le="+Inf"} 9.0' in lines
    assert "likestorm_db_pool_wait_seconds_count 9.0" in lines
    assert {file.name for file in tmp_path.iterdir()} == {
        f"{kind}_{slot}.db" for kind in ("counter", "gauge_livesum", "histogram") for slot in (0, 1)
    }
