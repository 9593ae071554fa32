"""Dashboards brought to a server that keeps what Grafana's API would: all of it, once, or nothing at all."""

import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from likestorm.panels.grafana import DATASOURCE_UID
from likestorm.panels.publish import Grafana, GrafanaError, mark_run, push

from dashboards.__main__ import main
from dashboards.generation import GENERATED
from dashboards.panels import DASHBOARDS
from tests.dashboards.grafana_server import TOKEN, State, serving

UIDS = {f"likestorm-{each.name}" for each in DASHBOARDS}
WRITES = len(UIDS) + 2
PROMETHEUS = "http://127.0.0.1:8403"


@pytest.fixture(name="state")
def _state() -> State:
    return State()


@pytest.fixture(name="url")
def _url(state: State) -> Iterator[str]:
    with serving(state) as url:
        yield url


def _push(url: str, prometheus: str = PROMETHEUS) -> list[str]:
    return push(Grafana(url, TOKEN), prometheus, 1, GENERATED)


def test_everything_is_there_afterwards(state: State, url: str) -> None:
    assert _push(url) == ["folder", "data source", *(f"dashboard {uid}" for uid in sorted(UIDS))]
    assert state.folders["likestorm"]["title"] == "Likestorm"
    source = state.datasources[DATASOURCE_UID]
    assert (source["type"], source["url"], source["jsonData"]["timeInterval"]) == ("prometheus", PROMETHEUS, "1s")
    assert set(state.dashboards) == UIDS
    for uid, stored in state.dashboards.items():
        wanted = json.loads((GENERATED / f"{uid.removeprefix('likestorm-')}.json").read_text())
        assert stored["dashboard"] == {**wanted, "id": 7, "version": 1}
        assert stored["meta"]["folderUid"] == "likestorm"


def test_a_second_time_changes_nothing(state: State, url: str) -> None:
    _push(url)
    before = len(state.writes)
    assert _push(url) == []
    assert len(state.writes) == before
    assert {each["dashboard"]["version"] for each in state.dashboards.values()} == {1}


def test_only_what_differs_is_written(state: State, url: str) -> None:
    _push(url)
    state.dashboards["likestorm-http"]["dashboard"]["title"] = "changed by hand"
    state.folders["likestorm"]["title"] = "renamed"
    assert _push(url, "http://elsewhere:9090") == ["folder", "data source", "dashboard likestorm-http"]
    assert state.dashboards["likestorm-http"]["dashboard"]["title"] == "Likestorm: HTTP"
    assert state.folders["likestorm"]["title"] == "Likestorm"
    assert state.datasources[DATASOURCE_UID]["url"] == "http://elsewhere:9090"


@pytest.mark.parametrize("number", range(1, WRITES + 1))
def test_a_write_that_fails_leaves_nothing(state: State, url: str, number: int) -> None:
    state.fail_at = number
    with pytest.raises(GrafanaError, match="gives 500: Server Error 500: database is locked; nothing was changed"):
        _push(url)
    assert state.content() == {"folders": {}, "datasources": {}, "dashboards": {}}


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_write_that_fails_leaves_what_was_there(state: State, url: str, number: int) -> None:
    _push(url)
    state.folders["likestorm"]["title"] = "mine"
    state.datasources[DATASOURCE_UID]["url"] = "http://mine"
    state.dashboards["likestorm-slo"]["dashboard"]["title"] = "mine"
    before = state.content()
    state.fail_at = len(state.writes) + number
    with pytest.raises(GrafanaError, match="nothing was changed"):
        _push(url)
    assert state.content() == before


def test_writes_that_cannot_be_undone_are_named(state: State, url: str) -> None:
    state.fail_at, state.fail_on = 3, True
    with pytest.raises(GrafanaError, match=r"could not be undone: folder, data source$"):
        _push(url)


def test_a_dashboard_from_a_file_is_left_alone(state: State, url: str) -> None:
    _push(url)
    state.dashboards["likestorm-run"]["meta"]["provisioned"] = True
    before = len(state.writes)
    with pytest.raises(GrafanaError, match="a provisioning file there has the dashboard likestorm-run"):
        _push(url)
    assert len(state.writes) == before


def _fails(capsys: pytest.CaptureFixture[str], url: str) -> str:
    assert main(["push", "--grafana", url]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    [line] = said.err.splitlines()
    return line


def test_the_command_says_what_it_did(
    url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)
    assert main(["push", "--grafana", url]) == 0
    assert capsys.readouterr().out.startswith(f"{url}: folder, data source, dashboard likestorm-data")
    assert main(["push", "--grafana", url]) == 0
    assert capsys.readouterr().out == f"{url}: nothing to change\n"


def test_a_wrong_token_is_one_line_and_nothing_is_written(
    state: State, url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAFANA_TOKEN", "glsa_wrong")
    assert _fails(capsys, url) == f"dashboards: {url}: Grafana does not accept the token (GRAFANA_TOKEN)"
    monkeypatch.delenv("GRAFANA_TOKEN")
    assert "GRAFANA_TOKEN is empty" in _fails(capsys, url)
    assert state.writes == []


def test_a_sick_grafana_is_one_line(state: State, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    state.healthy = False
    with pytest.raises(GrafanaError, match="GET /health gives 503"):
        _push(url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "'' is not the URL of a Grafana"),
        ("grafana:3000", "'grafana:3000' is not the URL of a Grafana"),
        ("http://[::1", "'http://[::1' is not the URL of a Grafana"),
        ("http://127.0.0.1:PORT", "no response (ConnectionError)"),
    ],
)
def test_a_wrong_url_is_one_line(
    url: str, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)
    with socket.socket() as taken:  # bound, but does not listen
        taken.bind(("127.0.0.1", 0))
        assert said in _fails(capsys, url.replace("PORT", str(taken.getsockname()[1])))


@pytest.mark.parametrize(
    ("status", "location", "body", "said"),
    [
        (200, "", b"<html>hello</html>", "is not Grafana's"),
        (200, "", b"{}", "Grafana is not healthy"),
        (200, "", b"[1]", "is not Grafana's"),
        (302, "/elsewhere", b"", "redirects to another address"),
    ],
)
def test_another_server_is_one_line(status: int, location: str, body: bytes, said: str) -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        with pytest.raises(GrafanaError, match=said):
            _push(f"http://127.0.0.1:{server.server_port}")
        thread.join()


def test_a_run_is_marked_from_start_to_end(state: State, url: str) -> None:
    start = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
    mark_run(Grafana(url, TOKEN), "likes", "pass", start, start.replace(minute=1))
    assert state.annotations == [
        {
            "time": round(start.timestamp() * 1000),
            "timeEnd": round(start.timestamp() * 1000) + 60_000,
            "tags": ["likestorm", "run", "likes", "pass"],
            "text": "likes: pass",
        }
    ]
