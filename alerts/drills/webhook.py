"""A receiver of Alertmanager's webhooks that keeps every message unchanged."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal

import msgspec

from compose.topology import LOOPBACK


class _Alert(msgspec.Struct):
    """One alert of a message."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]


class _Message(msgspec.Struct):
    """The fields of Alertmanager's message that are read."""

    alerts: list[_Alert]


@dataclass(frozen=True)
class Notice:
    """One alert of a message; `at`: when the message came, in seconds since 1970."""

    at: float
    name: str
    labels: dict[str, str]
    is_firing: bool


@dataclass
class Receiver:
    """The receiver's URL, and its notices, oldest first."""

    url: str
    raw: Path
    _notices: list[Notice] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def since(self, moment: float) -> list[Notice]:
        """The notices from a moment on."""
        with self._lock:
            return [notice for notice in self._notices if notice.at >= moment]

    def take(self, body: bytes) -> None:
        """Keep a message; msgspec's error when it cannot be read."""
        at, message = time.time(), msgspec.json.decode(body, type=_Message)
        with self._lock, self.raw.open("a") as file:
            file.write(json.dumps({"at": at, "message": json.loads(body)}) + "\n")
            self._notices += [
                Notice(at, alert.labels["alertname"], alert.labels, alert.status == "firing")
                for alert in message.alerts
            ]


@contextmanager
def receiver(raw: Path) -> Iterator[Receiver]:
    """A receiver on a free port of loopback that appends each message to a file, one line each."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            try:
                made.take(self.rfile.read(int(self.headers["Content-Length"])))
            except (msgspec.MsgspecError, KeyError, TypeError, ValueError):
                self.send_error(HTTPStatus.BAD_REQUEST)
                return
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the messages are in the file."""

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    server.daemon_threads = True
    made = Receiver(f"http://{LOOPBACK}:{server.server_address[1]}/", raw)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
