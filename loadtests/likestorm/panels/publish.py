"""Dashboards into a Grafana over its HTTP API: folder, data source and dashboards, all of them or none."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from grafana_api.grafana_api import GrafanaException, GrafanaUnauthorizedError
from grafana_api.grafana_face import GrafanaFace

from likestorm.errors import LikestormError

TAG = "likestorm"
FOLDER = {"uid": TAG, "title": "Likestorm"}
TIMEOUT_S = 10.0
KEPT_BY_GRAFANA = ("id", "version")
"""What Grafana adds to a dashboard that it stores."""

Json = dict[str, Any]


class GrafanaError(LikestormError):
    """Grafana is away, refuses, or is none; the message says so in one line."""


@dataclass(frozen=True)
class Change:
    """One thing to be written: what it is, how to write it, and how to bring back what was there before."""

    what: str
    write: Callable[[], object]
    undo: Callable[[], object]


class Grafana:
    """A Grafana by its URL and a token; every method raises GrafanaError in one line."""

    def __init__(self, url: str, token: str) -> None:
        try:
            address = urlsplit(url)
            is_whole = address.scheme in ("http", "https") and bool(address.hostname)
        except ValueError:
            is_whole = False
        if not is_whole:
            raise GrafanaError(f"{url!r} is no address of a Grafana (GRAFANA_URL), such as https://grafana.example")
        if not token:
            raise GrafanaError("GRAFANA_TOKEN is empty: it takes a service account's token, with the role Admin")
        self.url = url.rstrip("/")
        prefix = f"{address.path.strip('/')}/".lstrip("/")
        host = address.netloc.rpartition("@")[2]
        face = GrafanaFace(token, host=host, url_path_prefix=prefix, protocol=address.scheme, timeout=TIMEOUT_S)
        self._api = face.api
        # A POST that is sent elsewhere becomes a GET, and nothing would be written.
        self._api.s.max_redirects = 0

    def get(self, path: str) -> Json:
        """What is there."""
        with self._in_one_line(f"GET {path}"):
            return dict(self._api.GET(path))

    def find(self, path: str) -> Json | None:
        """What is there, None where nothing is."""
        with self._in_one_line(f"GET {path}"):
            try:
                return dict(self._api.GET(path))
            except GrafanaException as error:
                if error.status_code == 404:
                    return None
                raise

    def post(self, path: str, body: Mapping[str, object]) -> None:
        """Make something."""
        with self._in_one_line(f"POST {path}"):
            self._api.POST(path, json=body)

    def put(self, path: str, body: Mapping[str, object]) -> None:
        """Change something."""
        with self._in_one_line(f"PUT {path}"):
            self._api.PUT(path, json=body)

    def delete(self, path: str) -> None:
        """Remove something."""
        with self._in_one_line(f"DELETE {path}"):
            self._api.DELETE(path)

    @contextmanager
    def _in_one_line(self, asked: str) -> Iterator[None]:
        try:
            yield
        except GrafanaUnauthorizedError as error:
            raise GrafanaError(f"{self.url}: the token is not accepted (GRAFANA_TOKEN)") from error
        except GrafanaException as error:
            said = " ".join(str(error.message).split())[:200]
            raise GrafanaError(f"{self.url}: {asked} gives {error.status_code}: {said}") from error
        except requests.TooManyRedirects as error:
            raise GrafanaError(f"{self.url} sends on to another address: give that one as GRAFANA_URL") from error
        except (requests.JSONDecodeError, ValueError, TypeError) as error:
            raise GrafanaError(f"{self.url}: the answer to {asked} is not a Grafana's") from error
        except requests.RequestException as error:
            raise GrafanaError(f"{self.url}: no answer ({type(error).__name__})") from error


def push(grafana: Grafana, prometheus_url: str, interval_s: int, generated: Path) -> list[str]:
    """Bring folder, data source and dashboards to what they should be, and say what was changed.

    prometheus_url: as Grafana reaches it. interval_s: between scrapes. Everything is read before anything is written;
    where a write fails, what was written before is taken back. GrafanaError says what failed, in one line.
    """
    health = grafana.get("/health")
    if health.get("database") != "ok":
        raise GrafanaError(f"{grafana.url}: not a Grafana in good health: {json.dumps(health)[:200]}")
    grafana.get("/org")
    changes = [*_folder(grafana), *_datasource(grafana, prometheus_url, interval_s)]
    for file in sorted(generated.glob("*.json")):
        changes += _dashboard(grafana, json.loads(file.read_text()))
    done: list[Change] = []
    for change in changes:
        try:
            change.write()
        except GrafanaError as error:
            # An answer that did not come may have been a write that did.
            raise GrafanaError(f"{error}; {_take_back([*done, change])}") from error
        done.append(change)
    return [change.what for change in changes]


def mark_run(grafana: Grafana, scenario: str, verdict: str, started: datetime, ended: datetime) -> None:
    """Put a finished load test on every dashboard, as a region from start to end."""
    grafana.post(
        "/annotations",
        {
            "time": round(started.timestamp() * 1e3),
            "timeEnd": round(ended.timestamp() * 1e3),
            "tags": [TAG, "run", scenario, verdict],
            "text": f"{scenario}: {verdict}",
        },
    )


def _take_back(done: list[Change]) -> str:
    """Undo, newest first; what is left where that fails as well."""
    left = []
    for change in reversed(done):
        try:
            change.undo()
        except GrafanaError:
            left.append(change.what)
    if left:
        return f"could not be taken back: {', '.join(reversed(left))}"
    return "nothing was changed"


def _folder(grafana: Grafana) -> list[Change]:
    path = f"/folders/{FOLDER['uid']}"
    old = grafana.find(path)
    if old is None:
        return [Change("folder", lambda: grafana.post("/folders", FOLDER), lambda: _remove(grafana, path))]
    if old["title"] == FOLDER["title"]:
        return []

    def retitle(title: str) -> None:
        if grafana.get(path)["title"] != title:
            grafana.put(path, {"title": title, "overwrite": True})

    return [Change("folder", lambda: retitle(FOLDER["title"]), lambda: retitle(old["title"]))]


def _datasource(grafana: Grafana, prometheus_url: str, interval_s: int) -> list[Change]:
    wanted: Json = {
        "uid": f"{TAG}-prometheus",
        "name": "Likestorm",
        "type": "prometheus",
        "access": "proxy",
        "url": prometheus_url,
        "jsonData": {"httpMethod": "POST", "timeInterval": f"{interval_s}s"},
    }
    path = f"/datasources/uid/{wanted['uid']}"
    old = grafana.find(path)
    if old is None:
        return [Change("data source", lambda: grafana.post("/datasources", wanted), lambda: _remove(grafana, path))]
    if all(old.get(key) == value for key, value in wanted.items()):
        return []
    if old.get("readOnly"):
        raise GrafanaError(f"{grafana.url}: the data source {wanted['uid']} comes from a file there: change that")

    def restore() -> None:
        if grafana.find(path) != old:
            grafana.put(path, old)

    return [Change("data source", lambda: grafana.put(path, wanted), restore)]


def _dashboard(grafana: Grafana, wanted: Json) -> list[Change]:
    path, what = f"/dashboards/uid/{wanted['uid']}", f"dashboard {wanted['uid']}"
    found = grafana.find(path)
    if found is None:
        return [Change(what, lambda: _store(grafana, wanted, FOLDER["uid"]), lambda: _remove(grafana, path))]
    old, meta = found["dashboard"], found["meta"]
    if meta.get("provisioned"):
        raise GrafanaError(f"{grafana.url}: {what} comes from a file there: change that, or remove it first")
    if meta.get("folderUid") == FOLDER["uid"] and _own(old) == _own(wanted):
        return []

    def restore() -> None:
        now = grafana.get(path)
        if _own(now["dashboard"]) != _own(old) or now["meta"].get("folderUid") != meta.get("folderUid"):
            _store(grafana, _own(old), meta.get("folderUid", ""))

    return [Change(what, lambda: _store(grafana, wanted, FOLDER["uid"]), restore)]


def _own(model: Json) -> Json:
    """A dashboard without what Grafana added."""
    return {key: value for key, value in model.items() if key not in KEPT_BY_GRAFANA}


def _store(grafana: Grafana, model: Json, folder: str) -> None:
    body = {"dashboard": model, "folderUid": folder, "overwrite": True, "message": "python -m dashboards push"}
    grafana.post("/dashboards/db", body)


def _remove(grafana: Grafana, path: str) -> None:
    """Take back what was made, if it was."""
    if grafana.find(path) is not None:
        grafana.delete(path)
