"""Error tracking, received by a small HTTP server that takes envelopes as Sentry does."""

import gzip
import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any, ClassVar

import pytest
import sentry_sdk
from flask import Flask, request

from service.app import create_app, find_route
from service.config import Config
from service.telemetry import errors
from service.telemetry.metrics import Metrics
from tests.service.conftest import ask, sign_up

SECRETS = ("s3cret-in-a-body", "s3cret-in-a-query", "s3cret-agent", "10.9.8.7")


class Receiver(BaseHTTPRequestHandler):
    """Takes envelopes and keeps them."""

    received: ClassVar[Queue[bytes]] = Queue()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.put(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *arguments: object) -> None:
        """Not to standard error."""


@pytest.fixture
def tracked(config: Config) -> Iterator[Config]:
    """Settings under which errors are tracked by a Receiver."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        dsn = f"http://key@127.0.0.1:{server.server_port}/1"
        tracked = replace(config, sentry_dsn=dsn, release="abc123", run="run-7", instance="app-3")
        try:
            end = errors.configure(tracked, find_route)
            yield tracked
            end()
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def app(tracked: Config) -> Iterator[Flask]:
    """An application with a route that fails."""
    app = create_app(tracked, Metrics())

    @app.post("/fail/<id>")
    def fail(id: str) -> str:
        raise ValueError(request.get_data(as_text=True))

    yield app
    app.extensions["likestorm"].close()


def next_event() -> tuple[dict[str, Any], str]:
    """The next event that is received, and the whole envelope."""
    envelope = Receiver.received.get(timeout=60).decode()
    return json.loads(envelope.split("\n")[2]), envelope


def test_a_surprise_is_tracked_with_its_route_and_stack_but_no_data(app: Flask) -> None:
    member = sign_up(app)
    headers = member.header | {"X-Forwarded-For": "10.9.8.7", "User-Agent": "s3cret-agent", "Cookie": "session=x"}
    path = "/fail/4711?q=s3cret-in-a-query"
    assert ask(app, "POST", path, headers=headers, json={"text": "s3cret-in-a-body"}).status_code == 500
    event, envelope = next_event()
    assert event["tags"] == {"run": "run-7", "instance": "app-3", "route": "POST /fail/<id>"}
    assert (event["release"], event["server_name"], event["level"]) == ("abc123", "app-3", "error")
    failure = event["exception"]["values"][-1]
    assert (failure["type"], failure["value"]) == ("ValueError", "")
    assert failure["stacktrace"]["frames"][-1]["function"] == "fail"
    for secret in (*SECRETS, member.token, member.name, "4711", "Bearer"):
        assert secret not in envelope


def test_a_logged_error_is_tracked_without_its_arguments(tracked: Config) -> None:
    logging.getLogger("tests").error("job %s failed", "s3cret-in-a-body")
    event, envelope = next_event()
    assert event["logentry"]["message"] == "job %s failed"
    assert "s3cret" not in envelope
    assert "route" not in event["tags"]


def test_expected_answers_are_no_errors(app: Flask, tracked: Config) -> None:
    assert ask(app, "GET", "/nothing").status_code == 404
    assert ask(app, "GET", "/feed").status_code == 401
    logging.getLogger("tests").warning("redis is unavailable")
    sentry_sdk.flush(timeout=60)
    assert Receiver.received.empty()


def test_without_a_dsn_nothing_is_tracked(config: Config) -> None:
    end = errors.configure(config)
    logging.getLogger("tests").error("nobody hears this")
    end()
    assert Receiver.received.empty()
