"""The dashboards as pages: of a living Prometheus, of what was kept of a finished run, and in a real browser."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partialmethod
from pathlib import Path

import psutil
import pytest
import requests
from likestorm.results.prometheus import Prometheus

from dashboards import DashboardsError, history, view
from dashboards.__main__ import main
from dashboards.view import Pages, Source
from tests.compose.stacks import await_true
from tests.ports import free_port

ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def _served(source: view.Source) -> Iterator[str]:
    server = view.serve(source, 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(name="pages", scope="module")
def _pages(url: str) -> Iterator[str]:
    """A live view of a Prometheus that knows of nothing but itself."""
    with _served(Source(Prometheus(url), "a test")) as pages:
        yield pages


def test_the_wall_screen_and_everything_on_one_page(pages: str) -> None:
    wall, everything = (requests.get(f"{pages}/{name}", timeout=30) for name in ("overview", ""))
    assert (wall.status_code, everything.status_code) == (200, 200)
    assert "<title>Overview · Likestorm</title>" in wall.text
    assert "<title>Everything · Likestorm</title>" in everything.text
    assert '<div class="big good"><b>0</b>' in wall.text  # alerts that fire, which this Prometheus can answer
    assert wall.headers["Cache-Control"] == "no-store"


def test_minutes_can_be_chosen_from_those_on_offer(pages: str) -> None:
    for asked, got in (("60", "60"), ("61", "15"), ("x", "15")):
        text = requests.get(f"{pages}/overview?minutes={asked}", timeout=30).text
        assert f'<a href="?minutes={got}" aria-current="true">' in text


def test_other_names_and_other_hosts_get_nothing(pages: str) -> None:
    assert requests.get(f"{pages}/grafana", timeout=30).status_code == 404
    assert requests.get(pages, headers={"Host": "evil.example:80"}, timeout=30).status_code == 403


def test_a_port_that_is_taken_is_one_line(pages: str, capsys: pytest.CaptureFixture[str]) -> None:
    port = pages.rpartition(":")[2]
    assert main(["view", "--prometheus", "http://127.0.0.1:1", "--port", port]) == 1
    assert capsys.readouterr().err == f"dashboards: port {port} cannot be used: Address already in use\n"


def test_a_prometheus_that_is_away_is_said_on_the_page() -> None:
    text = view.draw(Source(Prometheus(f"http://127.0.0.1:{free_port()}"), "a test"), "overview", 15)
    assert "no answer from Prometheus (ConnectionError)" in text


def test_a_page_is_drawn_once_for_all_who_look(url: str) -> None:
    live = Source(Prometheus(url), "a test")
    kept, fresh = Pages(live, kept_s=60.0), Pages(live, kept_s=0.0)
    assert kept.get("overview", 5) is kept.get("overview", 5)
    assert fresh.get("overview", 5) is not fresh.get("overview", 5)


def test_rates_of_a_live_page_stand_on_whole_scrapes() -> None:
    _, window = Source(Prometheus("x"), "x", 5).view(15)
    assert window == "25s"
    shown, window = Source(Prometheus("x"), "x").view(360)
    assert window == "90s"
    assert shown.end - shown.start == 21_600


def test_rates_of_a_finished_run_stand_on_the_scrapes_that_it_had() -> None:
    assert Source(Prometheus("x"), "x", window=(0, 60)).view(15)[1] == "5s"
    assert Source(Prometheus("x"), "x", 5, (0, 60)).view(15)[1] == "25s"


@pytest.fixture(name="run", scope="module")
def _run(url: str, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with what that Prometheus saw."""
    out = tmp_path_factory.mktemp("run")
    now = datetime.now(UTC)
    kept = history.keep(url, folder / "data", now - timedelta(minutes=1), out)
    assert kept == out / history.FILE
    record = {
        "scenario": {"name": "likes"},
        "started_at": (now - timedelta(seconds=5)).isoformat(),
        "finished_at": now.isoformat(),
        "verdict": {"status": "pass"},
    }
    (out / "record.json").write_text(json.dumps(record))
    return out


def test_what_is_kept_answers_as_the_living_one_did(url: str, run: Path, folder: Path) -> None:
    at = history.read_run(run).end.timestamp() - 0.5
    query = "max_over_time(prometheus_tsdb_head_samples_appended_total[1m])"
    with history.opened(run) as kept:
        answers = [[s.values for s in Prometheus(each).range(query, at, at)] for each in (url, kept)]
    assert answers[0] == answers[1]
    assert answers[0]
    assert list((folder / "data" / "snapshots").iterdir()) == []
    assert sorted(path.name for path in run.iterdir()) == [history.FILE, "record.json"]


def test_what_ended_before_the_run_is_not_kept(url: str, folder: Path, tmp_path: Path) -> None:
    kept = history.keep(url, folder / "data", datetime.now(UTC) + timedelta(hours=1), tmp_path)
    with tarfile.open(kept) as archive:
        assert archive.getnames() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_finished_run_is_served_by_the_command_and_leaves_nothing(
    run: Path, tmp_path: Path, number: signal.Signals
) -> None:
    command = [sys.executable, "-m", "dashboards", "view", "--run", str(run)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=os.environ | {"TMPDIR": str(tmp_path)}
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[0]
        text = requests.get(address, timeout=30).text
        assert _prometheus_in(tmp_path) == 1
        process.send_signal(number)
        assert process.wait(60) == 0
    assert f"likes: pass, {run.name}" in text
    assert 'data-refresh="0"' in text
    assert _prometheus_in(tmp_path) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_view_that_is_killed_takes_its_prometheus_along(run: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dashboards", "view", "--run", str(run)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, cwd=ROOT, env=os.environ | {"TMPDIR": str(tmp_path)}
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
    await_true(lambda: _prometheus_in(tmp_path) == 0)


def _prometheus_in(folder: Path) -> int:
    """How many processes work below a folder."""
    return sum(str(folder) in " ".join(each.info["cmdline"] or ()) for each in psutil.process_iter(["cmdline"]))


@pytest.mark.parametrize("content", [None, "{}", "no json"])
def test_a_folder_that_holds_no_run_is_one_line(
    content: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content:
        (tmp_path / "record.json").write_text(content)
    assert main(["view", "--run", str(tmp_path)]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"dashboards: {tmp_path} is not the folder of a finished run")


def test_a_run_without_history_is_one_line(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(run / "record.json", tmp_path)
    assert main(["view", "--run", str(tmp_path)]) == 1
    assert "cannot be read, so there is no history" in capsys.readouterr().err
    (tmp_path / history.FILE).write_text("no archive")
    assert main(["view", "--run", str(tmp_path)]) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_without_a_stack_and_without_a_run_there_is_nothing_to_see(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["view", "--state", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "dashboards: no stack is running (make up); RUN=DIR shows a finished run\n"


def test_a_prometheus_without_snapshots_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DashboardsError, match="no snapshot from Prometheus"):
        history.keep(f"http://127.0.0.1:{free_port()}", tmp_path, datetime.now(UTC), tmp_path)
    assert list(tmp_path.iterdir()) == []


def _browse(url: str, folder: Path, *options: str) -> str:
    """The page as a browser has it, scripts run."""
    command = [
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}", "--hide-scrollbars",
        "--window-size=1920,1080", *options, url,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
    assert "Refused to" not in done.stderr
    return done.stdout


def test_a_browser_draws_the_wall_screen_and_refreshes_it(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []

    def counted(source: view.Source, name: str, minutes: int) -> str:
        drawn.append(name)
        return draw(source, name, minutes)

    draw = view.draw
    monkeypatch.setattr(view, "draw", counted)
    monkeypatch.setattr(Pages, "__init__", partialmethod(Pages.__init__, kept_s=0.0))
    with _served(Source(Prometheus(url), "a test")) as pages:
        options = ("--virtual-time-budget=12000", "--dump-dom")
        shown = _browse(f"{pages}/overview", tmp_path, *options)
    assert '<div class="big good"><b>0</b>' in shown
    assert len(drawn) > 1
    assert set(drawn) == {"overview"}
    assert "stale" not in shown.split("<body")[1].split(">")[0]


def test_a_browser_that_is_left_alone_says_that_its_page_is_old(url: str, tmp_path: Path) -> None:
    """The page is served once; its script then reaches no server."""
    text = view.draw(Source(Prometheus(url), "a test", window=(time.time() - 60, time.time())), "overview", 15)
    page = tmp_path / "page.html"
    page.write_text(text.replace('data-refresh="0"', 'data-refresh="1"'))
    shown = _browse(page.as_uri(), tmp_path / "profile", "--virtual-time-budget=4000", "--dump-dom")
    assert '<body class="stale">' in shown
