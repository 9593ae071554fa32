"""Over plain HTTP on loopback: the two networks, what tells the fakes to fail, what they received, their metrics.

POST /NETWORK/posts {url, caption}, Idempotency-Key    201 new, 200 posted before
GET, POST, DELETE /faults                              see faults.Fault
POST /gone {tokens}                                    devices that the push service does not know any more
GET /received, GET /received/STANDIN                   counts; the last messages of one
GET /healthz, GET /metrics
"""

import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Annotated, Any

import msgspec
import prometheus_client

from compose.fakes.apns import Rules
from compose.fakes.faults import Fault, Faults
from compose.fakes.received import NETWORKS, Metrics, Tally
from compose.topology import LOOPBACK

LARGEST_BODY = 64 * 1024
IDLE_S = 30
LONGEST_KEY = 200


class Post(msgspec.Struct, forbid_unknown_fields=True):
    """A picture that is posted to a network."""

    url: Annotated[str, msgspec.Meta(pattern="^https?://", max_length=2000)]
    caption: Annotated[str, msgspec.Meta(max_length=10_000)] = ""


class Gone(msgspec.Struct, forbid_unknown_fields=True):
    """Devices, by their tokens."""

    tokens: list[str]


@dataclass(frozen=True)
class Answer:
    """What is sent back; None as the status hangs up."""

    status: int | None
    content: Any = None
    retry_after: int = 0


class Desk:
    """What is behind each address."""

    def __init__(self, rules: Rules, faults: Faults, tallies: Mapping[str, Tally], metrics: Metrics) -> None:
        self._rules = rules
        self._faults = faults
        self._tallies = tallies
        self._metrics = metrics

    def answer(self, method: str, path: str, key: str, body: bytes) -> Answer:
        """One request; `key` is the Idempotency-Key. A body that makes no sense is answered with 400."""
        act = self._acts().get((method, path))
        name, _, rest = path.removeprefix("/").partition("/")
        try:
            if act:
                return act(body)
            if name in NETWORKS and rest == "posts" and method == "POST":
                return self._post(name, key, body)
            if name == "received" and rest in self._tallies and method == "GET":
                return Answer(200, self._tallies[rest].messages())
        except msgspec.MsgspecError as error:
            return Answer(400, {"error": str(error)})
        return Answer(404, {"error": "no such address"})

    def _acts(self) -> dict[tuple[str, str], Callable[[bytes], Answer]]:
        return {
            ("GET", "/healthz"): lambda _: Answer(200, {}),
            ("GET", "/metrics"): lambda _: Answer(200, prometheus_client.generate_latest(self._metrics.registry)),
            ("GET", "/received"): lambda _: Answer(200, {name: t.counts() for name, t in self._tallies.items()}),
            ("DELETE", "/received"): self._forget,
            ("GET", "/faults"): lambda _: Answer(200, self._faults.current),
            ("POST", "/faults"): self._add_fault,
            ("DELETE", "/faults"): self._clear_faults,
            ("POST", "/gone"): self._retire,
        }

    def _add_fault(self, body: bytes) -> Answer:
        self._faults.add(msgspec.json.decode(body, type=Fault))
        return Answer(201, self._faults.current)

    def _clear_faults(self, _body: bytes) -> Answer:
        self._faults.clear()
        return Answer(200, self._faults.current)

    def _forget(self, _body: bytes) -> Answer:
        for tally in self._tallies.values():
            tally.clear()
        return Answer(200, {})

    def _retire(self, body: bytes) -> Answer:
        for token in msgspec.json.decode(body, type=Gone).tokens:
            self._rules.retire(token)
        return Answer(200, {})

    def _post(self, network: str, key: str, body: bytes) -> Answer:
        """Take a picture, as slowly and as badly as was told."""
        began = time.perf_counter()
        effect, tally = self._faults.draw(network), self._tallies[network]
        answer = _refuse(effect.refusal) or _check(key, body)
        if answer:
            tally.reject(answer.content["error"], time.perf_counter() - began)
        else:
            post = msgspec.json.decode(body, type=Post)
            message = {"key": key, "url": post.url, "caption": post.caption}
            new = tally.accept(key, message, time.perf_counter() - began)
            answer = Answer(201 if new else 200, {"id": key})
        time.sleep(effect.delay)
        return Answer(None) if effect.disconnect else answer


def _refuse(fault: Fault | None) -> Answer | None:
    return Answer(fault.status, {"error": fault.reason or "Told"}, fault.retry_after) if fault else None


def _check(key: str, body: bytes) -> Answer | None:
    """What is wrong with a post; the names are the reasons in the metrics, so there are few."""
    if not 0 < len(key) <= LONGEST_KEY:
        return Answer(400, {"error": "NoIdempotencyKey"})
    try:
        msgspec.json.decode(body, type=Post)
    except msgspec.MsgspecError:
        return Answer(422, {"error": "NoPicture"})
    return None


def serve(port: int, desk: Desk, listen: str = LOOPBACK) -> ThreadingHTTPServer:
    """A server bound to the port, to be run by serve_forever(); OSError when the port is taken."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Otherwise an answer's body waits until its head was acknowledged.
        disable_nagle_algorithm = True
        timeout = IDLE_S

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def do_DELETE(self) -> None:
            self._answer()

        def _answer(self) -> None:
            length = self.headers.get("Content-Length", "0")
            if not (length.isascii() and length.isdigit() and int(length) <= LARGEST_BODY):
                self.close_connection = True
                self._send(Answer(413, {"error": "the body is too large"}))
                return
            body = self.rfile.read(int(length))
            answer = desk.answer(self.command, self.path, self.headers.get("Idempotency-Key", ""), body)
            if answer.status is None:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
            else:
                self._send(answer)

        def _send(self, answer: Answer) -> None:
            is_text = isinstance(answer.content, bytes)
            content = answer.content if is_text else msgspec.json.encode(answer.content)
            self.send_response(answer.status or HTTPStatus.OK)
            kind = prometheus_client.CONTENT_TYPE_PLAIN_0_0_4 if is_text else "application/json"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            if answer.retry_after:
                self.send_header("Retry-After", str(answer.retry_after))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: what came in is counted."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Nothing: whoever waits no longer for a slow network has hung up."""

    return Server((listen, port), Handler)
