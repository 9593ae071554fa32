"""gunicorn with our settings, serving a small application over real sockets."""

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.ports import free_port

ROOT = Path(__file__).parents[2]
PATIENCE_S = 20.0


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Serves a text, the body of the request, a stream, nothing, or something slow."""
    path = environ["PATH_INFO"]
    if path == "/nothing":
        start_response("204 No Content", [])
        return []
    if path == "/stream":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return iter([b"one ", b"two"])
    if path == "/begun":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return _slowly()
    if path == "/fails":
        raise ValueError("for the test")
    if path == "/slow":
        time.sleep(0.5)
    body = environ["wsgi.input"].read() if path == "/echo" else path.encode()
    if path == "/forwarded":
        body = environ["HTTP_X_FORWARDED_FOR"].encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def _slowly() -> Iterator[bytes]:
    yield b"begun "
    time.sleep(0.5)
    yield b"done"


@contextlib.contextmanager
def serving(threads: int, *options: str) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """The port and the process of a gunicorn that serves `application`."""
    port = free_port()
    command = [
        sys.executable, "-m", "gunicorn", "-c", "service/gunicorn.conf.py", "--bind", f"127.0.0.1:{port}",
        "--workers", "1", "--threads", str(threads), "--log-level", "critical", *options, f"{__name__}:application",
    ]  # fmt: skip
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            _await_listener(port)
            yield port, process
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


def _await_listener(port: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        with contextlib.suppress(OSError), _connect(port) as client:
            assert _ask(client, "/") == (200, b"/")
            return
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), PATIENCE_S)


def _request(path: str, body: bytes = b"", method: str = "GET") -> bytes:
    return b"%b %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (
        method.encode(), path.encode(), len(body), body,
    )  # fmt: skip


def _ask(client: socket.socket, path: str, body: bytes = b"") -> tuple[int, bytes]:
    client.sendall(_request(path, body))
    return _read(client.makefile("rb"))[:2]


def _read(file: Any) -> tuple[int, bytes, dict[bytes, bytes]]:
    """Status, body and headers of the next answer; ConnectionError where there is none."""
    line = file.readline()
    if not line:
        raise ConnectionError("the server hung up")
    headers = dict(head.strip().lower().split(b": ", 1) for head in iter(file.readline, b"\r\n"))
    if headers.get(b"transfer-encoding") == b"chunked":
        parts = []
        while size := int(file.readline(), 16):
            parts.append(file.read(size))
            file.readline()
        file.readline()
        body = b"".join(parts)
    else:
        body = file.read(int(headers.get(b"content-length", 0)))
    return int(line.split()[1]), body, headers


PARSERS = ["python", *(["fast"] if find_spec("gunicorn_h1c") else [])]


@pytest.fixture(scope="module", params=PARSERS)
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of a server with one thread, with each parser that is installed."""
    with serving(1, "--http-parser", request.param) as (number, _process):
        yield number


def test_one_connection_takes_one_request_after_the_other(port: int) -> None:
    with _connect(port) as client:
        answers = [_ask(client, path, b"sent") for path in ("/a", "/echo", "/stream", "/b")]
    assert answers == [(200, b"/a"), (200, b"sent"), (200, b"one two"), (200, b"/b")]


def test_an_answer_without_a_body_is_sent(port: int) -> None:
    with _connect(port) as client:
        assert _ask(client, "/nothing") == (204, b"")
        client.sendall(_request("/head", method="HEAD"))
        file = client.makefile("rb")
        assert file.readline() == b"HTTP/1.1 200 OK\r\n"
        assert b"Content-Length: 5\r\n" in list(iter(file.readline, b"\r\n"))
        assert _ask(client, "/a") == (200, b"/a")


def test_requests_that_come_together_are_all_answered(port: int) -> None:
    with _connect(port) as client:
        client.sendall(_request("/a") + _request("/echo", b"sent") + _request("/b"))
        file = client.makefile("rb")
        assert [_read(file)[1] for _ in range(3)] == [b"/a", b"sent", b"/b"]


def test_a_request_that_fails_costs_only_its_connection(port: int) -> None:
    with _connect(port) as client:
        assert _ask(client, "/fails")[0] == 500
    with _connect(port) as client:
        assert _ask(client, "/a") == (200, b"/a")


def test_a_connection_that_is_gone_leaves_the_thread_to_others(port: int) -> None:
    with _connect(port) as client:
        assert _ask(client, "/a") == (200, b"/a")
        client.sendall(b"GET /a HT")
    with _connect(port) as client:
        assert _ask(client, "/b") == (200, b"/b")


def test_threads_answer_at_the_same_time() -> None:
    with serving(threads=4) as (number, _process):
        began = time.monotonic()
        answers: list[tuple[int, bytes]] = []

        def ask() -> None:
            with _connect(number) as client:
                answers.append(_ask(client, "/slow"))

        askers = [threading.Thread(target=ask) for _ in range(4)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
        assert answers == [(200, b"/slow")] * 4
        assert time.monotonic() - began < 2.0  # one after the other


def test_a_worker_that_stops_completes_requests_and_closes_connections() -> None:
    with serving(threads=2) as (number, process), _connect(number) as busy, _connect(number) as idle:
        assert _ask(idle, "/a") == (200, b"/a")
        busy.sendall(_request("/begun"))
        busy.recv(1, socket.MSG_PEEK)
        process.terminate()
        assert _read(busy.makefile("rb"))[:2] == (200, b"begun done")
        idle.sendall(_request("/b"))
        status, body, headers = _read(idle.makefile("rb"))
        assert (status, body, headers[b"connection"]) == (200, b"/b", b"close")
        assert process.wait(PATIENCE_S) == 0


def test_a_worker_that_stops_closes_idle_connections_soon() -> None:
    with serving(threads=2) as (number, process), _connect(number) as idle:
        assert _ask(idle, "/a") == (200, b"/a")
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
        assert idle.recv(1) == b""


def _first_line(port: int, sent: bytes) -> bytes:
    """The first line of the response; empty when the server closes the connection without one."""
    with _connect(port) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        return bytes(client.makefile("rb").readline())


AMBIGUOUS = {
    "two lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length and chunks": b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bad length": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na",
    "chunked twice": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "unknown coding": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "blank before the colon": b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length : 1\r\n\r\na",
    "folded line": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n Content-Length: 1\r\n\r\n",
    "bare line feed": b"GET / HTTP/1.1\r\nHost: x\nContent-Length: 1\r\n\r\n",
    "bare carriage return": b"GET / HTTP/1.1\r\nHost: x\rContent-Length: 1\r\n\r\n",
    "NUL": b"GET / HTTP/1.1\r\nHost: x\x00\r\n\r\n",
    "no name": b"GET / HTTP/1.1\r\nHost: x\r\n: a\r\n\r\n",
}


@pytest.mark.parametrize("sent", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_a_request_that_proxies_may_read_differently_is_refused(port: int, sent: bytes) -> None:
    assert _first_line(port, sent).split(b" ")[1] in {b"400", b"501"}


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /" + b"x" * 8000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 9000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"A%d: b\r\n" % number for number in range(120)) + b"\r\n", 431),
    ],
    ids=["request line", "field", "number of fields"],
)
def test_a_head_beyond_the_limits_is_refused(port: int, head: bytes, status: int) -> None:
    assert _first_line(port, head).split(b" ")[1] == b"%d" % status


def test_a_header_with_an_underscore_does_not_replace_the_proxys(port: int) -> None:
    with _connect(port) as client:
        client.sendall(
            b"GET /forwarded HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: proxy\r\nX_Forwarded_For: client\r\n\r\n"
        )
        assert _read(client.makefile("rb"))[1] == b"proxy"
