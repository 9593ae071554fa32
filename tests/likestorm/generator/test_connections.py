"""What every request passes on its way: the connections that are kept, and the cookie jar."""

import fcntl
import socket
import threading
from collections.abc import Iterator
from http.cookiejar import CookieJar
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from gevent import socket as gevent_socket
from geventhttpclient.connectionpool import ConnectionPool
from geventhttpclient.useragent import UserAgent
from likestorm.generator import connections
from likestorm.generator.cookies import Jar

BEYOND_SELECT = 1100


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> ConnectionPool:
    monkeypatch.setattr(ConnectionPool, "_is_socket_alive", ConnectionPool._is_socket_alive)
    connections.install()
    return ConnectionPool("127.0.0.1", 1, "127.0.0.1", 1)


@pytest.fixture
def pair() -> Iterator[tuple[gevent_socket.socket, socket.socket]]:
    """Both ends of a connection, the near one as the generator has it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = gevent_socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
        with near, far:
            yield near, far


def test_a_connection_that_is_open_and_silent_is_used_again(
    pool: ConnectionPool, pair: tuple[gevent_socket.socket, socket.socket]
) -> None:
    assert pool._is_socket_alive(pair[0])


def test_one_that_was_closed_or_has_something_to_say_is_not(
    pool: ConnectionPool, pair: tuple[gevent_socket.socket, socket.socket]
) -> None:
    near, far = pair
    far.send(b"unasked")
    assert not pool._is_socket_alive(near)
    near.recv(100)
    assert pool._is_socket_alive(near)
    far.close()
    assert not pool._is_socket_alive(near)
    near.close()
    assert not pool._is_socket_alive(near)
    assert not pool._is_socket_alive(None)


def test_a_descriptor_that_select_cannot_take_is_used_again_as_well(
    pool: ConnectionPool, pair: tuple[gevent_socket.socket, socket.socket]
) -> None:
    high = fcntl.fcntl(pair[0].fileno(), fcntl.F_DUPFD, BEYOND_SELECT)
    with gevent_socket.socket(fileno=high) as connection:
        assert pool._is_socket_alive(connection)


class _Baker(BaseHTTPRequestHandler):
    """Sets a cookie at /set, and says which it was given."""

    def do_GET(self) -> None:
        body = (self.headers.get("Cookie") or "none").encode()
        self.send_response(200)
        if self.path == "/set":
            self.send_header("Set-Cookie", "flour=2; Path=/")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.mark.parametrize("jar", [CookieJar, Jar])
def test_a_jar_gives_back_the_cookies_that_were_set_as_the_standard_one_does(jar: type[CookieJar]) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Baker) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        agent = UserAgent(cookiejar=jar(), concurrency=1)
        try:
            url = f"http://127.0.0.1:{server.server_port}"
            said = [agent.urlopen(url + path).content for path in ("/", "/set", "/")]
            assert said == [b"none", b"none", b"flour=2"]
        finally:
            agent.close()
            server.shutdown()
            thread.join()
