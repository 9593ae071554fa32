"""An nginx's requests by app server, from lines as nginx writes them."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from compose.exporters.access_log import AccessLog

NAMES = {"127.0.0.1:8434": "app-1", "127.0.0.1:8435": "app-2"}


def _line(upstream: str, seconds: str, status: int = 200, uri: str = "/feed") -> str:
    entry = {"time": "2026-11-22T02:41:37+00:00", "method": "GET", "uri": uri, "status": status, "bytes": 35,
             "seconds": 0.035, "upstream": upstream, "upstream_seconds": seconds, "connection": 26}  # fmt: skip
    return json.dumps(entry) + "\n"


def _read(log: AccessLog) -> dict[tuple[str, ...], float]:
    return {(s.name, *s.labels.values()): s.value for metric in log() for s in metric.samples}


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    path = tmp_path / "access.log"
    path.touch()
    return path


def test_requests_count_for_the_server_that_they_ended_with(path: Path) -> None:
    path.write_text(
        _line("127.0.0.1:8434", "0.004")
        + _line("127.0.0.1:8434", "0.030", 503)
        + _line("127.0.0.1:8434, 127.0.0.1:8435", "0.001, 0.200", 201)
        + _line("127.0.0.1:8435", "-", 502)
        + _line("app", "0.000", 502)
        + _line("", "", 404)
    )
    seen = _read(AccessLog(path, NAMES))
    count, bucket = "nginx_http_response_count_total", "nginx_http_upstream_time_seconds_hist_bucket"
    assert {key[1:]: value for key, value in seen.items() if key[0] == count} == {
        ("app-1", "200"): 1, ("app-1", "503"): 1, ("app-2", "201"): 1, ("app-2", "502"): 1,
        ("none", "502"): 1, ("none", "404"): 1,
    }  # fmt: skip
    assert (seen[bucket, "app-1", "0.005"], seen[bucket, "app-1", "0.02"], seen[bucket, "app-1", "0.03"]) == (1, 1, 2)
    assert (seen[bucket, "app-2", "0.15"], seen[bucket, "app-2", "0.2"], seen[bucket, "app-2", "+Inf"]) == (0, 1, 1)
    assert seen["nginx_http_upstream_time_seconds_hist_sum", "app-1"] == pytest.approx(0.034)
    assert not any(key[0] == bucket and key[1] == "none" for key in seen)


def test_health_checks_are_no_requests(path: Path) -> None:
    path.write_text(_line("127.0.0.1:8434", "1.009", 504, "/healthz"))
    assert _read(AccessLog(path, NAMES)) == {}


def test_it_counts_on_where_it_was_and_anew_from_the_beginning(path: Path) -> None:
    log, count = AccessLog(path, NAMES), ("nginx_http_response_count_total", "app-1", "200")
    whole = _line("127.0.0.1:8434", "0.004")
    path.write_text(whole + whole[:40])
    assert _read(log)[count] == 1
    with path.open("a") as file:
        file.write(whole[40:] + whole)
    assert _read(log)[count] == _read(AccessLog(path, NAMES))[count] == 3


@pytest.mark.parametrize("line", ["hello\n", "{}\n"])
def test_a_line_that_is_not_nginx_s_is_an_error(path: Path, line: str) -> None:
    path.write_text(line)
    with pytest.raises((msgspec.MsgspecError, ValueError)):
        _read(AccessLog(path, NAMES))


def test_without_a_log_there_is_no_answer(tmp_path: Path) -> None:
    log: Any = AccessLog(tmp_path / "none", NAMES)
    with pytest.raises(FileNotFoundError):
        log()
