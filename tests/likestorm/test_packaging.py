"""The distribution: what the wheel holds, and what it does in a fresh environment, far from this checkout."""

import os
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from likestorm.results.record import document

from loadtests.benchmarks import package
from loadtests.benchmarks.result import ROOT

SOURCES = ROOT / package.PACKAGE
DATA = frozenset({".css", ".html", ".json", ".py", ".typed"})
NEIGHBOURS = ("flask>=3.0,<3.1", "redis>=6,<7")
PACKAGES_MAX, MEGABYTES_MAX = 60, 250
RUN_S = 120
SCENARIO = """
name = "home"
description = "100 visits/s of a page"
warm_up_s = 1
duration_s = 5

[target]
url = "{url}"
locustfile = "locustfile.py"

[arrivals.visits]
rate = 100
schedule = "poisson"

[[budgets.percentiles]]
name = "home p99"
request = "home"
percentile = 95
seconds = 2

[limits]
dispatch_lag_p99_s = 1
loop_lag_p99_s = 1
cpu_percent = 100
steal_percent = 100
warm_up_factor = 100
"""
LOCUSTFILE = """
from locust import FastHttpUser, task
from service.paths import HOME

class Visitor(FastHttpUser):
    @task
    def home(self):
        self.client.get(HOME, name="home")
"""


class _Page(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 128


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return package.build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel alone."""
    return package.install(wheel, tmp_path_factory.mktemp("alone") / "venv")


@pytest.fixture(scope="module")
def neighboured(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel beside a service's own requirements."""
    return package.install(wheel, tmp_path_factory.mktemp("beside") / "venv", *NEIGHBOURS)


@pytest.fixture
def url() -> Iterator[str]:
    with _Server(("127.0.0.1", 0), _Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_wheel_holds_the_instrument_with_its_data_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {
        f"likestorm/{path.relative_to(SOURCES)}"
        for path in SOURCES.rglob("*")
        if path.suffix in DATA or path.name == "py.typed"
    }
    assert held == expected
    assert {"likestorm/py.typed", "likestorm/results/record.schema.json"} <= held
    assert any(name.endswith(".css") for name in held)


@pytest.mark.long
def test_a_fresh_environment_stays_small(python: Path) -> None:
    assert len(package.distributions(python)) <= PACKAGES_MAX
    assert package.size_mb(python) <= MEGABYTES_MAX


@pytest.mark.long
def test_the_command_runs_in_an_empty_folder(python: Path, tmp_path: Path) -> None:
    assert _likestorm(python, tmp_path, "--version").stdout.startswith("likestorm ")
    assert "run" in _likestorm(python, tmp_path, "--help").stdout
    without = _likestorm(python, tmp_path, "run")
    assert without.returncode == 2
    assert len(without.stderr.splitlines()) == 1
    assert without.stderr.startswith("likestorm: run needs a scenario")
    assert not list(tmp_path.iterdir())


@pytest.mark.long
@pytest.mark.alone
def test_a_service_of_ones_own_is_driven_beside_its_own_packages(neighboured: Path, tmp_path: Path, url: str) -> None:
    assert {"flask", "redis"} <= package.distributions(neighboured)
    installed = _installed(neighboured)
    (tmp_path / "service").mkdir()
    (tmp_path / "service" / "__init__.py").touch()
    (tmp_path / "service" / "paths.py").write_text('HOME = "/"\n')
    (tmp_path / "locustfile.py").write_text(LOCUSTFILE)
    (tmp_path / "my.toml").write_text(SCENARIO.format(url=url))
    done = _likestorm(neighboured, tmp_path, "run", "my.toml", "--out", "result")
    assert done.returncode == 0, done.stdout + done.stderr
    record = document.load(tmp_path / "result" / "record.json")
    assert record.arrivals["visits"].load.completed == record.arrivals["visits"].load.offered > 300
    for name in ("report.html", "summary.md", "junit.xml"):
        assert (tmp_path / "result" / name).stat().st_size > 0
    assert _installed(neighboured) == installed


def _likestorm(python: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run(
        [python.with_name("likestorm"), *arguments], cwd=folder, env=environment | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True, check=False, timeout=RUN_S,
    )  # fmt: skip


def _installed(python: Path) -> dict[str, int]:
    """The size of each file in the environment, but bytecode."""
    folder = python.parent.parent
    return {str(each): each.stat().st_size for each in folder.rglob("*") if each.is_file() and each.suffix != ".pyc"}
