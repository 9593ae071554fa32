"""Runs on services that are not ours, as their owners start them: the command line and the exit status."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from likestorm.results.record import document

from tests.compose.stacks import await_true
from tests.likestorm import scripted

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "loadtests/examples/nginx"

LIMITS = "\n[limits]\ndispatch_lag_p99_s = 1\nloop_lag_p99_s = 1\ncpu_percent = 100\n"
"""What the machine does in some seconds is not the point: the limits of its generator are set wide."""
OWN = """
name = "own"
description = "users of our own, who keep journals, on somebody's own service"
users = "tests.likestorm.visitors:Diarist"
warm_up_s = 0
duration_s = 2
drain_s = 2

[target]
url = "URL"
audit = ["cat", "AUDIT"]

[arrivals.note]
schedule = "constant"
rate = 20
steps = ["note"]

[budgets]
[[budgets.errors]]
name = "errors"
error_ratio = 0.5
"""


def _run(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "likestorm", "run", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=90, check=False)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def _nginx(shop: Path, port: int) -> Iterator[None]:
    """Debian's nginx on the example's site."""
    conf = shop / "nginx.conf"
    conf.write_text(conf.read_text().replace("8480", str(port)))
    server = subprocess.Popen([shutil.which("nginx", path="/usr/sbin:/usr/bin") or "nginx", "-p", shop, "-c", conf])
    try:
        await_true(lambda: _answers(port))
        yield
    finally:
        server.terminate()
        server.wait(60)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.mark.long
@pytest.mark.timed
def test_the_example_drives_nginx_with_a_locustfile_that_knows_nothing_of_us(tmp_path: Path) -> None:
    shop, out, port = tmp_path / "shop", tmp_path / "out", _free_port()
    shutil.copytree(EXAMPLE, shop)
    own = shop / "shop.toml"
    text = own.read_text().replace("8480", str(port)).replace("seconds = 0.050", "seconds = 2")
    text = text.replace("percentile = 99", "percentile = 95")
    text = text.replace("warm_up_s = 3", "warm_up_s = 1")
    own.write_text(text + LIMITS)
    with _nginx(shop, port):
        done = _run(own, "--duration", "4", "--out", out, "--csv", tmp_path / "csv" / "shop", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    saved = document.load(out / "record.json")
    assert saved.target == f"http://127.0.0.1:{port}"
    assert set(saved.requests) == {"item", "home", "item to buy", "cart"}
    assert saved.load.offered == saved.load.completed == sum(each.count for each in saved.requests.values())
    customers = saved.requests["item to buy"].count + saved.requests["cart"].count
    assert customers / saved.arrivals["tasks"].load.completed == pytest.approx(1 / 5, abs=0.1)
    assert saved.arrivals["visits"].rate == pytest.approx((10 * 3.5 + 40 * 0.5) / 4)
    assert (saved.scrapes, saved.panels, saved.ledger) == ([], [], [])
    assert "as in the locustfile" in (out / "report.html").read_text()
    assert "first visit" in (tmp_path / "csv" / "shop_stats.csv").read_text()


@pytest.mark.timed
def test_what_the_targets_own_command_says_is_stored_goes_into_the_ledger(tmp_path: Path) -> None:
    """20 notes a second for 2 s are noted by their numbers; the target's own account of them lacks one."""
    audit = tmp_path / "audit.json"
    audit.write_text(json.dumps({"notes": [str(number) for number in range(39)]}))
    own, out = tmp_path / "own.toml", tmp_path / "out"
    with scripted.server() as url:
        text = OWN.replace("URL", url).replace("AUDIT", str(audit))
        own.write_text(text + LIMITS)
        done = _run(own, "--out", out, folder=tmp_path)
    assert done.returncode == 98, done.stdout + done.stderr
    [entry] = document.load(out / "record.json").ledger
    assert (entry.name, entry.acknowledged, entry.lost, entry.phantom) == ("notes", 40, 1, 0)


@pytest.mark.parametrize(
    ("url", "arguments", "complaint"),
    [
        ("http://192.0.2.7/", [], r"target.url: load to 192.0.2.7 is refused: .* allow_hosts under \[target\]"),
        ("http://127.0.0.1:9", ["--processes", "0"], "say how many with --expect-workers"),
    ],
)
def test_what_cannot_be_driven_is_wrong_usage(tmp_path: Path, url: str, arguments: list[str], complaint: str) -> None:
    own = tmp_path / "own.toml"
    own.write_text(OWN.replace("URL", url))
    done = _run(own, "--out", tmp_path / "out", *arguments, folder=tmp_path)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert re.search(complaint, line)
    assert not (tmp_path / "out").exists()


@pytest.mark.long
def test_locusts_web_ui_shows_latency_from_when_requests_were_due(tmp_path: Path) -> None:
    """One user, 0.1 s a request, 15 a second: Locust alone would show 0.1 s; who waits for the user waits longer."""
    own, port = tmp_path / "own.toml", _free_port()
    text = OWN.replace("visitors:Diarist", "visitors:Visitor").replace('audit = ["cat", "AUDIT"]\n', "")
    text = text.replace("[arrivals.note]", "[arrivals.walk]").replace('["note"]', '["first", "second"]')
    text = text.replace("duration_s = 2", "duration_s = 6").replace("drain_s = 2", "drain_s = 2\nusers_max = 1")
    command = [sys.executable, "-m", "likestorm", "run", str(own), "--web", "--web-port", str(port)]
    with scripted.server() as url:
        own.write_text(text.replace("URL", url))
        with subprocess.Popen(
            [*command, "--out", str(tmp_path / "out")], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        ) as bench:  # fmt: skip
            await_true(lambda: _shown(port) > 500)
            said, _ = bench.communicate(timeout=90)
    assert f"Locust's web UI: http://127.0.0.1:{port}" in said.decode()
    assert "every arrival accounted for" in said.decode()


def _shown(port: int) -> float:
    """The longest response time of the first step that Locust's web UI shows, ms; 0 while there is none."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/stats/requests", timeout=2) as answer:
            rows = json.load(answer)["stats"]
    except OSError:
        return 0.0
    return max((row["max_response_time"] for row in rows if row["name"] == "first"), default=0.0)
