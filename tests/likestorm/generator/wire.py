"""Makes the same requests with Locust's own session and with a quickened one, and prints what a server got of each.

`python -m tests.likestorm.generator.wire` is a process of its own: Locust replaces the standard library's sockets.
"""

import json

import gevent
from gevent.server import StreamServer
from gevent.socket import socket
from geventhttpclient.url import URL
from likestorm.generator.client import Request, quicken
from locust.contrib.fasthttp import FastHttpSession
from locust.event import EventHook

ASKED: list[tuple[str, str, dict[str, object]]] = [
    ("GET", "/", {}),
    ("GET", "", {}),
    ("GET", "/photos/17", {"headers": {"Authorization": "Bearer a.b-c"}}),
    ("GET", "/photos/18", {"headers": {"Authorization": "Bearer a.b-c"}}),
    ("GET", "/feed?after=12&limit=3", {}),
    ("GET", "/feed?", {}),
    ("GET", "/a b/ü;v=1?q=%41%20&r=a+b#part", {}),
    ("GET", "/feed", {"params": {"after": "1 2", "limit": 3}}),
    ("GET", "//elsewhere/x", {}),
    ("GET", "/../up/./here", {}),
    ("HEAD", "/", {}),
    ("DELETE", "/photos/17", {}),
    ("PUT", "/photos/17/like", {"headers": {"authorization": "lower", "X-Two": "2"}}),
    ("PUT", "/store", {"data": b"\xff\xd8 bytes", "headers": {"Content-Type": "image/jpeg"}}),
    ("PUT", "/store", {"data": b"\xff\xd8 bytes", "headers": {"Content-Length": "8"}}),
    ("POST", "/users", {"json": {"username": "ä", "n": [1, 2]}}),
    ("POST", "/users", {"data": "text"}),
    ("POST", "/users", {"data": {"form": "a b"}}),
    ("POST", "/users", {}),
    ("PATCH", "/users", {}),
    ("POST", "/users", {"data": b"x" * 70_000}),
    ("GET", "/", {"headers": {"Host": "other.example", "User-Agent": "me", "X-Many": ["1", "2"]}}),
    ("GET", "/", {"headers": {"Transfer-Encoding": "chunked"}}),
    ("GET", "/", {"headers": {"X-Bad": "a\r\nb"}}),
    ("GET", "/moved", {}),
    ("GET", "/missing", {}),
    ("GET", "/cookie", {}),
    ("GET", "/after-the-cookie", {}),
    ("GET", "/closed", {}),
    ("GET", "/after-it-was-closed", {}),
]
ANSWERS = {
    b"/moved": (b"302 Found", b"Location: /photos/17\r\n"),
    b"/missing": (b"404 Not Found", b""),
    b"/cookie": (b"200 OK", b"Set-Cookie: flour=2; Path=/\r\n"),
    b"/closed": (b"200 OK", b"Connection: close\r\n"),
}

URLS = (
    "http://127.0.0.1:80/photos/17?a=1",
    "https://shop.example/",
    "http://[::1]:80/",
    "http://me:secret@127.0.0.1/",
    "http://127.0.0.1/a%20b",
    "http://127.0.0.1/a;b",
    "http://127.0.0.1/?",
    "http://127.0.0.1/#part",
    "http://127.0.0.1",
)


def described(url: URL) -> tuple[object, ...]:
    """All that a request asks of its URL."""
    return str(url), url.scheme, url.netloc, url.host, url.port, url.request_uri, url.quoted_uri, *url


class Recorder(StreamServer):  # type: ignore[misc]  # gevent has no types
    """Answers requests, and keeps each connection's bytes."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), self.serve)
        self.got: list[str] = []

    def serve(self, connection: socket, _: object) -> None:
        """One connection."""
        with connection, connection.makefile("rb") as file:
            while first := file.readline():
                head = first + b"".join(iter(file.readline, b"\r\n"))
                body = b""
                for line in head.lower().split(b"\r\n"):
                    if line.startswith(b"content-length: "):
                        body = file.read(int(line.partition(b": ")[2]))
                    if line == b"transfer-encoding: chunked":
                        body = file.readline() + file.readline()  # the last chunk, and there is no other
                self.got.append((head + b"\r\n" + body).decode("latin-1"))
                status, more = ANSWERS.get(head.split()[1], (b"200 OK", b""))
                connection.sendall(b"HTTP/1.1 " + status + b"\r\n" + more + b"Content-Length: 0\r\n\r\n")
                if b"close" in more:
                    return


def ask(url: str, *, quick: bool) -> list[str]:
    """What the client says of each answer."""
    more_headers = {"X-Default": "yes"}
    event = EventHook()  # type: ignore[no-untyped-call]
    session = FastHttpSession(url, event, None, concurrency=1, network_timeout=5.0, headers=more_headers)
    if quick:
        quicken(session)
    said = []
    for method, path, more in ASKED:
        with gevent.Timeout(10):
            try:
                answer = session.request(method, path, **more)  # type: ignore[arg-type]
                said.append(f"{answer.status_code} {answer.url} {getattr(answer, 'error', '')}")
            except ValueError as error:
                said.append(str(error))
    return said


def main() -> None:
    """Print both sides as JSON."""
    found = {}
    for quick in (False, True):
        with Recorder() as server:
            server.start()
            url = f"http://127.0.0.1:{server.server_port}"
            said = ask(url, quick=quick)
            found["quickened" if quick else "locust"] = {"said": said, "got": server.got, "port": server.server_port}
    apart = {url: Request(url).url_split for url in URLS}
    kinds = {url: type(each).__name__ for url, each in apart.items()}
    equal = all(described(each) == described(URL(url)) for url, each in apart.items())
    print(json.dumps(found | {"taken_apart": kinds, "equal": equal}))


if __name__ == "__main__":
    main()
