"""A small server that keeps folders, data sources, dashboards and annotations as Grafana's HTTP API documents it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "glsa_right"
Json = dict[str, Any]


@dataclass
class State:
    """What the server holds, and how it is to behave.

    writes: (method, path) of every change that was asked for. fail_at: the number of the write that is answered with
    500, counted from 1, and with fail_on all that come after it.
    """

    folders: dict[str, Json] = field(default_factory=dict)
    datasources: dict[str, Json] = field(default_factory=dict)
    dashboards: dict[str, Json] = field(default_factory=dict)
    annotations: list[Json] = field(default_factory=list)
    writes: list[tuple[str, str]] = field(default_factory=list)
    fail_at: int = 0
    fail_on: bool = False
    healthy: bool = True

    def content(self) -> Json:
        """What a user would see: without the numbers that the server counts up."""
        return {
            "folders": json.loads(json.dumps(self.folders)),
            "datasources": json.loads(json.dumps(self.datasources)),
            "dashboards": {
                uid: {
                    "model": {key: value for key, value in each["dashboard"].items() if key not in ("id", "version")},
                    "folder": each["meta"]["folderUid"],
                }
                for uid, each in self.dashboards.items()
            },
        }


@dataclass
class Answer(Exception):  # noqa: N818 - not every answer is an error
    """A status with its body."""

    status: int
    body: Json


class _Handler(BaseHTTPRequestHandler):
    state: State

    def do_GET(self) -> None:
        self._answer(self._read)

    def do_POST(self) -> None:
        self._answer(self._write)

    def do_PUT(self) -> None:
        self._answer(self._write)

    def do_DELETE(self) -> None:
        self._answer(self._write)

    def _answer(self, work: Any) -> None:
        try:
            status, body = 200, work(self.path.removeprefix("/grafana/api").split("/")[1:])
        except Answer as answer:
            status, body = answer.status, answer.body
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _check_token(self) -> None:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise Answer(401, {"message": "Invalid API key"})

    def _read(self, path: list[str]) -> Json:
        state = self.state
        match path:
            case ["health"]:
                if not state.healthy:
                    raise Answer(503, {"database": "failing"})
                return {"database": "ok", "version": "12.0.0", "commit": "0"}
        self._check_token()
        match path:
            case ["org"]:
                return {"id": 1, "name": "Main Org."}
            case ["folders", uid]:
                return _found(state.folders, uid, "folder not found")
            case ["datasources", "uid", uid]:
                return _found(state.datasources, uid, "Data source not found")
            case ["dashboards", "uid", uid]:
                return _found(state.dashboards, uid, "Dashboard not found")
        raise Answer(404, {"message": "Not found"})

    def _write(self, path: list[str]) -> Json:
        self._check_token()
        body: Json = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        state = self.state
        state.writes.append((self.command, "/".join(path)))
        number = len(state.writes)
        if state.fail_at and (number == state.fail_at or (state.fail_on and number > state.fail_at)):
            raise Answer(500, {"message": "database is locked"})
        return self._change(path, body)

    def _change(self, path: list[str], body: Json) -> Json:
        state = self.state
        match self.command, path:
            case "POST", ["folders"]:
                if body["uid"] in state.folders:
                    raise Answer(409, {"message": "a folder with this UID already exists"})
                state.folders[body["uid"]] = {"id": 1, "uid": body["uid"], "title": body["title"]}
            case "PUT", ["folders", uid]:
                _found(state.folders, uid, "folder not found")["title"] = body["title"]
            case "DELETE", ["folders", uid]:
                for name in [n for n, each in state.dashboards.items() if each["meta"]["folderUid"] == uid]:
                    del state.dashboards[name]
                _remove(state.folders, uid)
            case "POST", ["datasources"]:
                if body["uid"] in state.datasources or body["name"] in {d["name"] for d in state.datasources.values()}:
                    raise Answer(409, {"message": "data source with the same name already exists"})
                state.datasources[body["uid"]] = {"id": 1, "orgId": 1, "readOnly": False, **body}
            case "PUT", ["datasources", "uid", uid]:
                _found(state.datasources, uid, "Data source not found").update(body)
            case "DELETE", ["datasources", "uid", uid]:
                _remove(state.datasources, uid)
            case "POST", ["dashboards", "db"]:
                return self._store(body)
            case "DELETE", ["dashboards", "uid", uid]:
                _remove(state.dashboards, uid)
            case "POST", ["annotations"]:
                state.annotations.append(body)
            case _:
                raise Answer(404, {"message": "Not found"})
        return {"message": "done"}

    def _store(self, body: Json) -> Json:
        model, state = body["dashboard"], self.state
        old = state.dashboards.get(model["uid"])
        if body["folderUid"] and body["folderUid"] not in state.folders:
            raise Answer(400, {"message": "folder not found"})
        if old and not body.get("overwrite"):
            raise Answer(
                412, {"message": "The dashboard has been changed by someone else", "status": "version-mismatch"}
            )
        version = old["dashboard"]["version"] + 1 if old else 1
        state.dashboards[model["uid"]] = {
            "dashboard": {**model, "id": 7, "version": version},
            "meta": {"folderUid": body["folderUid"], "provisioned": False},
        }
        return {"status": "success", "uid": model["uid"], "version": version}

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def _found(those: dict[str, Json], uid: str, otherwise: str) -> Json:
    if uid not in those:
        raise Answer(404, {"message": otherwise})
    return those[uid]


def _remove(those: dict[str, Json], uid: str) -> None:
    _found(those, uid, "not found")
    del those[uid]


@contextmanager
def serving(state: State) -> Iterator[str]:
    """The server's URL, below a path as behind a proxy."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"state": state}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/grafana"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
