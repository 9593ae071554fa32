"""The page of metric files, held against the library's own collector."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from compose.exporters.exposition import Exposition
from compose.layout import CLONE

WRITE = r"""
import os, sys
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values

slot, *routes = sys.argv[1:]
values.ValueClass = values.MultiProcessValue(lambda: slot)
registry = CollectorRegistry()
Counter("hits", "With a \\ and\na second line.", registry=registry).inc(3)
Gauge("busy", "Now.", registry=registry, multiprocess_mode="livesum").set(1.5)
took = Histogram("took_seconds", "Time.", ("zone", "route"), registry=registry, buckets=(0.005, 0.1, 2.0, 10.0))
errors = Counter("errors", "Failed.", ("route",), registry=registry)
for route in routes:
    errors.labels(route)
    for seconds in (0.0, 0.005, 0.06, 3.0, 1e12):
        took.labels("a", route).observe(seconds * (1 + int(slot)))
"""
ODD = 'a "quoted" \\ path\nand more'


def write(folder: Path, slot: int, *routes: str) -> None:
    subprocess.run(
        [sys.executable, "-c", WRITE, str(slot), *routes],
        env=os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(folder), "PYTHONPATH": str(CLONE)}, check=True,
    )  # fmt: skip


def by_library(folder: Path) -> list[str]:
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(folder))  # type: ignore[no-untyped-call]
    return sorted(generate_latest(registry).decode().splitlines())


def test_it_says_what_the_library_says_as_processes_come_and_go(tmp_path: Path) -> None:
    page = Exposition(tmp_path)
    assert page.text() == b""
    write(tmp_path, 0, "/feed")
    assert sorted(page.text().decode().splitlines()) == by_library(tmp_path)
    write(tmp_path, 1, "/feed", "/likes", ODD)
    lines = page.text().decode().splitlines()
    assert sorted(lines) == by_library(tmp_path)
    assert "busy 3.0" in lines
    assert 'took_seconds_count{route="/feed",zone="a"} 10.0' in lines
    (tmp_path / "gauge_livesum_0.db").unlink()
    (tmp_path / "gauge_livesum_1.db").unlink()
    lines = page.text().decode().splitlines()
    assert sorted(lines) == by_library(tmp_path)
    assert not any(line.startswith("busy") for line in lines)


def test_a_family_is_told_in_one_piece_and_its_buckets_in_order(tmp_path: Path) -> None:
    write(tmp_path, 0, "/likes", "/feed")
    names, bounds = [], []
    for line in Exposition(tmp_path).text().decode().splitlines():
        if line.startswith("# TYPE"):
            names.append(line.split()[2])
        elif not line.startswith("#"):
            assert line.startswith(names[-1])
            if 'route="/feed"' in line and "_bucket" in line:
                bounds.append((line.split('le="')[1].split('"')[0], float(line.rpartition(" ")[2])))
    assert sorted(names) == sorted(set(names)) == ["busy", "errors_total", "hits_total", "took_seconds"]
    assert bounds == [("0.005", 2.0), ("0.1", 3.0), ("2.0", 3.0), ("10.0", 4.0), ("+Inf", 5.0)]


def test_gauges_that_vanish_while_they_are_read_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, 0, "/feed")
    listed = sorted(tmp_path.glob("*.db"))
    monkeypatch.setattr(Path, "glob", lambda _folder, _pattern: iter(listed))
    (tmp_path / "gauge_livesum_0.db").unlink()
    assert sorted(Exposition(tmp_path).text().decode().splitlines()) == by_library(tmp_path)
