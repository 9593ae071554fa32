"""The gunicorn worker, serving a small application over real sockets."""

import contextlib
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http import wsgi
from gunicorn.http.errors import InvalidResponseHeader, InvalidResponseHeaderName
from gunicorn.http.parser import RequestParser

from service.serving import Answer
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
PATIENCE_S = 20.0


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """What the worker serves: a text, the body of the request, a stream, nothing, or something slow."""
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
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def _slowly() -> Iterator[bytes]:
    yield b"begun "
    time.sleep(0.5)
    yield b"done"


@contextlib.contextmanager
def serving(threads: int) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """The port and the process of a server of `application`."""
    port = free_port()
    command = [
        sys.executable, "-m", "gunicorn", "-c", "service/gunicorn.conf.py", "--bind", f"127.0.0.1:{port}",
        "--workers", "1", "--threads", str(threads), "--log-level", "critical", f"{__name__}:application",
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


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of a server with one thread."""
    with serving(threads=1) as (number, _process):
        yield number


def test_one_connection_takes_one_request_after_the_other(port: int) -> None:
    with _connect(port) as client:
        answers = [_ask(client, path, b"sent") for path in ("/a", "/echo", "/stream", "/b")]
    assert answers == [(200, b"/a"), (200, b"sent"), (200, b"one two"), (200, b"/b")]


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Content-Type", "application/json"), ("Content-Length", "12"), ("X-Twice", "a"), ("x-twice", "b\tc  d")],
        [("CONTENT-LENGTH", "007"), ("content-length", "3")],
        [("Content-Length", "3"), ("Content-Length", "x")],
        [("Content-Length", " 3 ")],
        [("Content-Length", "-3")],
        [("Content-Length", "\u0663")],
        [("Empty", ""), ("Blank", " \t"), ("Around", " a "), ("Latin", "\xe9\x80")],
        [("Connection", "close"), ("A", "b")],
        [("CONNECTION", "Upgrade"), ("Upgrade", "WebSocket")],
        [
            ("Server", "another"),
            ("DATE", "today"),
            ("TE", "gzip"),
            ("Te-", "x"),
            ("Trailers", "x"),
            ("Keep-Alive", "1"),
        ],
        [("Transfer-Encoding", "chunked")],
        [("Date-Of", "x"), ("Servers", "y")],
        [("", "x")],
        [("a b", "x")],
        [("a:b", "x")],
        [("A\r\nB", "x")],
        [("A", "b\r\nC: d")],
        [("A", "b\nC: d")],
        [("A", "b\nC\nd")],
        [("A", "b\n"), ("C", "d")],
        [("A\nb\nC", "d")],
        [("A: b", "c")],
        [("Content-Length: 3\r\nA", "c")],
        [("A", "b\x00")],
        [("A", "b\x7f")],
        [("\u212aind", "x")],
        [("A", "\u20ac")],
        [("A", 3)],
        [(b"A", "x")],
        [("A", b"x")],
    ],
    ids=str,
)
@pytest.mark.parametrize("status", ["200 OK", "204 NO CONTENT", "304 NOT MODIFIED"])
def test_heads_of_answers_are_those_of_gunicorn(status: str, headers: list[Any]) -> None:
    for method, version in (("GET", (1, 1)), ("HEAD", (1, 1)), ("GET", (1, 0))):
        told = [_head_of(kind, method, version, status, headers) for kind in (wsgi.Response, Answer)]
        assert told[0] == told[1]


def _head_of(kind: type[Any], method: str, version: tuple[int, int], status: str, headers: list[Any]) -> Any:
    """What goes out with a body of five bytes, without the date; the type of the error that hinders it."""
    request = next(RequestParser(Config(), iter([b"%b / HTTP/%d.%d\r\n\r\n" % (method.encode(), *version)]), ()))
    ours, its = socket.socketpair()
    with ours, its:
        response = kind(request, ours, Config())
        try:
            response.start_response(status, headers)
        except (TypeError, ValueError, InvalidResponseHeader, InvalidResponseHeaderName) as error:
            return type(error)
        response.write(b"abcde")
        response.close()
        ours.close()
        sent = its.makefile("rb").read()
    return re.sub(rb"\r\nDate: [^\r]+ GMT", b"", sent), response.should_close()


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


def test_connections_that_send_nothing_hold_no_thread(port: int) -> None:
    with contextlib.ExitStack() as silent:
        for _ in range(20):
            silent.enter_context(_connect(port))
        with _connect(port) as client:
            assert _ask(client, "/a") == (200, b"/a")


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


def test_who_is_told_to_stop_answers_first_and_says_that_it_closes() -> None:
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


def test_who_is_told_to_stop_does_not_wait_for_the_idle() -> None:
    with serving(threads=2) as (number, process), _connect(number) as idle:
        assert _ask(idle, "/a") == (200, b"/a")
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
        assert idle.recv(1) == b""
