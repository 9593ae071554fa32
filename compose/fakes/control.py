"""Over plain HTTP: the two networks, the faults of the fakes, the messages that they received, their metrics.

POST /NETWORK/posts {url, caption}, Idempotency-Key    201 new, 200 posted before
GET, POST, DELETE /faults                              see faults.Fault
POST /gone {tokens}                                    devices that the push service does not know any more
GET /received, GET /received/FAKE, DELETE /received    counts; the last messages of one; forget all
GET /healthz, GET /metrics
"""

import logging
import socket
import time
from collections.abc import Callable, Mapping
from typing import Annotated

import flask
import msgspec
import prometheus_client
from flask import Flask, Response, request
from werkzeug.serving import BaseWSGIServer, make_server

from compose.fakes.apns import Rules
from compose.fakes.faults import Fault, Faults
from compose.fakes.received import FAKES, NETWORKS, Metrics, Received
from compose.topology import LOOPBACK

LARGEST_BODY = 64 * 1024
LONGEST_KEY = 200
_FAKE, _NETWORK = (f"<any({', '.join(names)}):name>" for names in (FAKES, NETWORKS))


class Post(msgspec.Struct, forbid_unknown_fields=True):
    """A picture that is posted to a network."""

    url: Annotated[str, msgspec.Meta(pattern="^https?://", max_length=2000)]
    caption: Annotated[str, msgspec.Meta(max_length=10_000)] = ""


class Gone(msgspec.Struct, forbid_unknown_fields=True):
    """Devices, by their tokens."""

    tokens: list[str]


class Control:
    """The views behind each address."""

    def __init__(self, rules: Rules, faults: Faults, received: Mapping[str, Received], metrics: Metrics) -> None:
        self._rules = rules
        self._faults = faults
        self._received = received
        self._metrics = metrics

    def application(self) -> Flask:
        """The WSGI application; a body that cannot be read gets 400, one that is too large 413."""
        app = Flask(__name__)
        app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
        app.register_error_handler(msgspec.MsgspecError, lambda error: ({"error": str(error)}, 400))
        for (method, path), view in self._views().items():
            app.add_url_rule(path, f"{method} {path}", view, methods=[method])
        return app

    def _views(self) -> Mapping[tuple[str, str], Callable[..., flask.typing.ResponseReturnValue]]:
        received = self._received
        return {
            ("GET", "/healthz"): dict,
            ("GET", "/metrics"): self._expose,
            ("GET", "/received"): lambda: {name: each.counts() for name, each in received.items()},
            ("GET", f"/received/{_FAKE}"): lambda name: received[name].messages(),
            ("DELETE", "/received"): self._forget,
            ("GET", "/faults"): lambda: [msgspec.to_builtins(fault) for fault in self._faults.current],
            ("POST", "/faults"): self._add_fault,
            ("DELETE", "/faults"): self._clear_faults,
            ("POST", "/gone"): self._retire,
            ("POST", f"/{_NETWORK}/posts"): self._post,
        }

    def _expose(self) -> Response:
        page = prometheus_client.generate_latest(self._metrics.registry)
        return Response(page, content_type=prometheus_client.CONTENT_TYPE_PLAIN_0_0_4)

    def _forget(self) -> flask.typing.ResponseReturnValue:
        for received in self._received.values():
            received.clear()
        return {}

    def _add_fault(self) -> flask.typing.ResponseReturnValue:
        self._faults.add(msgspec.json.decode(request.get_data(), type=Fault))
        return {}, 201

    def _clear_faults(self) -> flask.typing.ResponseReturnValue:
        self._faults.clear()
        return {}

    def _retire(self) -> flask.typing.ResponseReturnValue:
        for token in msgspec.json.decode(request.get_data(), type=Gone).tokens:
            self._rules.retire(token)
        return {}

    def _post(self, name: str) -> flask.typing.ResponseReturnValue:
        """Take a picture, with the faults of this network."""
        began = time.perf_counter()
        key, body = request.headers.get("Idempotency-Key", ""), request.get_data()
        effect, received = self._faults.draw(name), self._received[name]
        if effect.refusal:
            reason, status = effect.refusal.reason or "Injected", effect.refusal.status or 500
        else:
            reason, status = _check(key, body)
        headers = {"Retry-After": str(effect.refusal.retry_after)} if effect.refusal else {}
        answer = {"error": reason} if reason else {"id": key}
        if reason:
            received.reject(reason, time.perf_counter() - began)
        else:
            message = {"key": key, **msgspec.to_builtins(msgspec.json.decode(body, type=Post))}
            status = 201 if received.accept(key, message, time.perf_counter() - began) else 200
        time.sleep(effect.delay)
        if effect.disconnect:
            request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        return answer, status, headers


def _check(key: str, body: bytes) -> tuple[str, int]:
    """Reason and status for a post that is refused; the reasons are labels of a metric, so there are few."""
    if not 0 < len(key) <= LONGEST_KEY:
        return "NoIdempotencyKey", 400
    try:
        msgspec.json.decode(body, type=Post)
    except msgspec.MsgspecError:
        return "NoPicture", 422
    return "", 201


def serve(port: int, control: Control, listen: str = LOOPBACK) -> BaseWSGIServer:
    """A server bound to the port, to be run by serve_forever(); OSError when the port is taken."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    # With a taken port, werkzeug would end the process.
    listener = socket.create_server((listen, port), backlog=128)
    return make_server(listen, port, control.application(), threaded=True, fd=listener.detach())
