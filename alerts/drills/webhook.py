"""Who is told: a receiver of Alertmanager's webhooks that keeps every message as it came."""

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


class _Told(msgspec.Struct):
    """One alert of a message."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]


class _Message(msgspec.Struct):
    """What Alertmanager posts, as far as it is read here."""

    alerts: list[_Told]


@dataclass(frozen=True)
class Notice:
    """One alert of which a person was told; `at` in seconds since 1970."""

    at: float
    name: str
    labels: dict[str, str]
    is_firing: bool


@dataclass
class Receiver:
    """Its address, and what came in, oldest first."""

    url: str
    raw: Path
    _notices: list[Notice] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def since(self, moment: float) -> list[Notice]:
        """What came in from a moment on."""
        with self._lock:
            return [notice for notice in self._notices if notice.at >= moment]

    def take(self, body: bytes) -> None:
        """Keep a message; msgspec's error when it is none."""
        at, message = time.time(), msgspec.json.decode(body, type=_Message)
        with self._lock, self.raw.open("a") as file:
            file.write(json.dumps({"at": at, "message": json.loads(body)}) + "\n")
            self._notices += [
                Notice(at, told.labels["alertname"], told.labels, told.status == "firing") for told in message.alerts
            ]


@contextmanager
def receiver(raw: Path) -> Iterator[Receiver]:
    """A receiver on a free port of loopback, which writes each message into a file, a line each."""

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
            """Nothing: what came in is kept."""

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
