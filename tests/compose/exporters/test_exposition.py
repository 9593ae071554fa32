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


def test_a_folder_that_was_wiped_is_read_anew_though_its_files_are_as_long_as_before(tmp_path: Path) -> None:
    page = Exposition(tmp_path)
    write(tmp_path, 0, "/feed", "/tags")
    page.text()
    sizes: dict[str, set[int]] = {}
    for routes in (("/tags", "/feed"), ("/tag2", "/feed")):
        for file in tmp_path.glob("*.db"):
            sizes.setdefault(file.name, set()).add(int.from_bytes(file.read_bytes()[:4], sys.byteorder))
            file.unlink()
        assert page.text() == b""
        write(tmp_path, 0, *routes)
        assert sorted(page.text().decode().splitlines()) == by_library(tmp_path)
    assert all(len(lengths) == 1 for lengths in sizes.values())
    assert 'took_seconds_count{route="/tag2",zone="a"} 5.0' in page.text().decode().splitlines()


def test_a_file_that_is_just_being_made_says_nothing_yet(tmp_path: Path) -> None:
    page = Exposition(tmp_path)
    write(tmp_path, 0, "/feed")
    told = page.text()
    (tmp_path / "counter_1.db").touch()
    (tmp_path / "histogram_1.db").write_bytes(bytes(1 << 16))
    assert page.text() == told


def test_values_are_read_as_they_change(tmp_path: Path) -> None:
    page = Exposition(tmp_path)
    for total in (5, 10, 15):
        write(tmp_path, 0, "/feed")
        lines = page.text().decode().splitlines()
        assert f'took_seconds_count{{route="/feed",zone="a"}} {total}.0' in lines
        assert f"hits_total {total // 5 * 3}.0" in lines
