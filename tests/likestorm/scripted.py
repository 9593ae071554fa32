"""A server with known answers and delays, for tests of the generator.

`python -m tests.likestorm.scripted ADDRESS PORT` serves there until standard input ends.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SLOW_S = 0.1


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024
    stall: tuple[float, float] | None = None
    """The start of a stall in seconds after the first request, and its length."""
    first: float | None = None
    released: threading.Event


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        now = time.monotonic()
        server = self.server
        server.first = server.first or now
        if server.stall and server.stall[0] <= now - server.first < sum(server.stall):
            server.released.wait(sum(server.stall) - (now - server.first))
        if self.path == "/hang":
            server.released.wait()
        if self.path == "/redirected":
            self.send_response(302)
            self.send_header("Location", "http://192.0.2.7/")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.path == "/slow":
            server.released.wait(SLOW_S)
        self.send_response(500 if self.path == "/500" else 200)
        self.send_header("Content-Length", "2")
        if self.path == "/timed":
            self.send_header("Server-Timing", 'sql;desc="a, b";dur=0.1')
            self.send_header("Server-Timing", "render;dur=0.2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:
        pass

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True


@contextmanager
def server(stall: tuple[float, float] | None = None, at: tuple[str, int] = ("127.0.0.1", 0)) -> Iterator[str]:
    """The URL of a scripted server, by default on a free loopback port."""
    httpd = _Server(at, _Handler)
    httpd.stall, httpd.released = stall, threading.Event()
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://{at[0]}:{httpd.server_port}"
    finally:
        httpd.released.set()
        httpd.shutdown()
        httpd.server_close()
        thread.join()


if __name__ == "__main__":
    with server(at=(sys.argv[1], int(sys.argv[2]))):
        sys.stdin.read()
