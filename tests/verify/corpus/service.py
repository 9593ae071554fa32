"""A small target whose every fault is known: a front that counts and forwards, and an app that counts and stores.

`python -m tests.verify.corpus.service BEHAVIOUR` (JSON) prints its two ports, of the front and of its status page, and
serves until it is ended. The status page has /metrics for Prometheus and /ids, what is stored, for the audit.
"""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
from msgspec import Struct


class Behaviour(Struct, frozen=True):
    """What is wrong with it; *_every: with every so many saves, 0 never. Times in seconds since the first request.

    forget: answers 201 and stores nothing. twice: stores what is sent two times. invent: stores what nobody sent.
    swallow: the front answers by itself. cache: the front answers looks from memory. fail: 500. slow_s: each answer
    takes so long, until slow_until_s. stall: nothing is answered from then for so long. workers: so many requests are
    worked on at once. mute_after_s: from then on the status page answers 500.
    """

    forget_every: int = 0
    twice_every: int = 0
    invent_every: int = 0
    swallow_every: int = 0
    fail_every: int = 0
    cache: bool = False
    slow_s: float = 0.0
    slow_until_s: float = 1e9
    stall: tuple[float, float] | None = None
    workers: int = 64
    mute_after_s: float = 1e9


class Target:
    """Front and app with their counters and what is stored."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.front_requests = self.app_requests = self.saves = 0
        self.ids: list[str] = []
        self._cached = False
        self._first: float | None = None
        self._lock = threading.Lock()
        self._workers = threading.Semaphore(behaviour.workers)

    @property
    def age(self) -> float:
        """Seconds since the first request."""
        return 0.0 if self._first is None else time.monotonic() - self._first

    def front(self, method: str, path: str) -> int:
        """The status of a request as the front gives it."""
        with self._lock:
            self._first = self._first or time.monotonic()
            self.front_requests += 1
            self.saves += method == "POST"
            saves = self.saves if method == "POST" else 0
        behaviour = self.behaviour
        if _is_every(saves, behaviour.swallow_every):
            return 201
        if behaviour.cache and self._cached and method == "GET":
            return 200
        if behaviour.stall and behaviour.stall[0] <= self.age < sum(behaviour.stall):
            time.sleep(sum(behaviour.stall) - self.age)
        status = self._app(method, path.rpartition("/")[2], saves)
        self._cached = True
        return status

    def _app(self, method: str, effect: str, saves: int) -> int:
        behaviour = self.behaviour
        with self._workers:
            if behaviour.slow_s and self.age < behaviour.slow_until_s:
                time.sleep(behaviour.slow_s)
        with self._lock:
            self.app_requests += 1
            if _is_every(saves, behaviour.fail_every):
                return 500
            if method == "GET":
                return 200
            if not _is_every(saves, behaviour.forget_every):
                self.ids += [effect] * (1 + _is_every(saves, behaviour.twice_every))
            if _is_every(saves, behaviour.invent_every):
                self.ids.append(f"invented-{saves}")
        return 201

    def metrics(self) -> str:
        """Both counters for Prometheus."""
        counts = {"front": self.front_requests, "app": self.app_requests}
        return "".join(f"# TYPE {n}_requests_total counter\n{n}_requests_total {c}\n" for n, c in counts.items())


def _is_every(number: int, every: int) -> bool:
    return bool(every and number and number % every == 0)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024
    target: Target


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def answer(self, status: int, body: bytes = b"ok") -> None:
        """Send it whole."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True


class _Front(_Answer):
    def do_GET(self) -> None:
        self.answer(self.server.target.front("GET", self.path))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(self.server.target.front("POST", self.path))


class _Status(_Answer):
    def do_GET(self) -> None:
        target = self.server.target
        if self.path == "/ids":
            self.answer(200, json.dumps({"notes": target.ids}).encode())
        elif target.age > target.behaviour.mute_after_s:
            self.answer(500)
        else:
            self.answer(200, target.metrics().encode())


def main(behaviour: str) -> None:
    """Serve until the process is ended."""
    target = Target(msgspec.json.decode(behaviour, type=Behaviour))
    servers = [_Server(("127.0.0.1", 0), handler) for handler in (_Front, _Status)]
    for server in servers:
        server.target = target
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
    print(json.dumps([server.server_port for server in servers]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
