"""The gunicorn worker: threads that take whatever connection is ready, with nobody in between.

It does what the service's configuration asks for: no TLS, no access log, no max_requests, no hooks of a request.
"""

import errno
import functools
import os
import re
import select
import threading
import time
from collections.abc import Callable
from typing import Any

from gunicorn import util
from gunicorn.http import wsgi
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from service.heads import Environs, PlainParser

TURN_S = 1.0
"""How often the main thread shows that the worker lives, and looks for connections that nobody uses any more."""
ONCE = select.EPOLLIN | select.EPOLLONESHOT

_HEADERS = re.compile(
    rf"""(?:
        (?: content-length\n(?P<length>[0-9]+)
        |   (?!(?:content-length|{"|".join(map(re.escape, util.hop_headers))})\n)
            [!#$%&'*+.^_`|~0-9a-z-]+\n(?:[!-~\x80-\xff]+(?:[ \t]+[!-~\x80-\xff]+)*)?
        )\n
    )*""",
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)
"""Headers that are sent on as they are, a line for the name and one for the value: none in which a server speaks of
itself and the connection."""


@functools.lru_cache(maxsize=1)
def _date(second: int) -> str:
    return str(util.http_date(second))


class Settings:
    """gunicorn's settings as plain attributes: it asks for 25 of them a request, and each takes it two calls."""

    def __init__(self, cfg: Any) -> None:
        self._cfg = cfg
        self.__dict__.update({name: setting.get() for name, setting in cfg.settings.items()})
        self.is_ssl = cfg.is_ssl

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cfg, name)


class Answer(wsgi.Response):  # type: ignore[misc]
    """A response whose head goes out with the first bytes of its body: one packet for both, and one system call."""

    headers_sent = False
    _head = b""

    def process_headers(self, headers: list[tuple[str, str]]) -> None:
        """Take the application's headers: usual ones at once, others as gunicorn does, which refuses some."""
        text = "".join(["\n".join(header) + "\n" for header in headers])
        found = _HEADERS.fullmatch(text)
        # With more line ends than that somebody would smuggle in a header.
        if found is None or text.count("\n") != 2 * len(headers):
            super().process_headers(headers)
            return
        self.headers += headers
        if found["length"]:
            self.response_length = int(found["length"])

    def default_headers(self) -> list[str]:
        """What the server says of itself and the connection."""
        if self.upgrade or self.req.version != (1, 1):
            return list(super().default_headers())
        kept = "close" if self.should_close() else "keep-alive"
        first = f"HTTP/1.1 {self.status}\r\nServer: {self.version}\r\nDate: {_date(int(time.time()))}\r\n"
        return [first, f"Connection: {kept}\r\n", "Transfer-Encoding: chunked\r\n" if self.chunked else ""]

    def send_headers(self) -> None:
        """Have the head ready."""
        if not self.headers_sent:
            self.headers_sent = True
            lines = [f"{name}: {value}\r\n" for name, value in self.headers]
            self._head = "".join([*self.default_headers(), *lines, "\r\n"]).encode("latin-1")

    def can_sendfile(self) -> bool:
        """Not past the head that waits."""
        return False

    def close(self) -> None:
        """End the response."""
        self.send_headers()
        if self._head and not self.chunked:
            self._emit_body(b"")
        super().close()

    def _emit_body(self, data: bytes) -> None:
        head, self._head = self._head, b""
        if self.chunked:
            data = b"%X\r\n%b\r\n" % (len(data), data)
        self.sock.sendall(head + data)


class Connection(TConn):  # type: ignore[misc]
    """A connection that has sent something when a thread turns to it; without TLS or HTTP/2."""

    def __init__(self, cfg: Any, sock: Any, client: Any, server: Any) -> None:
        super().__init__(cfg, sock, client, server)
        self.data_ready = True
        self.parser = PlainParser(cfg, sock, client)
        self.environs = Environs(cfg, sock, client, server)


class DirectWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """gthread whose threads wait for connections themselves.

    gthread's main thread hands each request to a thread, and gets the connection back after it: two switches of
    threads, a pipe, a future and a dozen system calls a request, while other threads want the interpreter's lock. Here
    all threads wait at one epoll. It tells one of them of a connection and is then silent about it until that thread
    has answered. A connection belongs to whoever takes it out of `keepalived_conns`, where it lies while nobody does.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cfg: Any = Settings(self.cfg)
        self.keepalived_conns: dict[int, Any] = {}
        self._open: set[Any] = set()
        self._is_full = False

    def init_process(self) -> None:
        """Load the application, then serve until told to stop."""
        self._ready = select.epoll()
        self._told, self._tell = os.pipe()
        # gthread's own would make its thread pool and its poller.
        super(ThreadWorker, self).init_process()

    def handle_exit(self, sig: int, frame: Any) -> None:  # noqa: ARG002
        """SIGTERM: the main thread is to end its loop."""
        self.alive = False
        os.write(self._tell, b"x")

    def handle_quit(self, sig: int, frame: Any) -> None:
        """SIGQUIT and SIGINT: end at once."""
        super(ThreadWorker, self).handle_quit(sig, frame)

    def run(self) -> None:
        """Let the threads serve; when told to stop, close what is idle and wait for those that answer."""
        for listener in self.sockets:
            listener.setblocking(False)
            self._ready.register(listener, ONCE)
        for number in range(self.cfg.threads):
            threading.Thread(target=self._serve, name=f"serve-{number}", daemon=True).start()
        waiting = select.poll()
        waiting.register(self._told, select.POLLIN)
        while self.alive:
            self.notify()
            waiting.poll(TURN_S * 1000)
            if not self.is_parent_alive():
                break
            self._close_idle(time.monotonic())
            if self._is_full:
                for listener in self.sockets:
                    self._listen(listener)
        self._drain()

    def _drain(self) -> None:
        """Answer what is under way, and what still comes on kept connections, which those answers close."""
        self.alive = False
        for listener in self.sockets:
            self._ready.unregister(listener)
        began = time.monotonic()
        while self._open and time.monotonic() < began + self.cfg.graceful_timeout:
            self.notify()
            # Idle ones stay for a moment: their client may be sending.
            self._close_idle(time.monotonic(), at_most=began + STOP_KEEPALIVE_LINGER)
            time.sleep(0.02)
        for listener in self.sockets:
            listener.close()

    def _close_idle(self, now: float, at_most: float = float("inf")) -> None:
        """Close the connections on which nothing came until their time, or `at_most`."""
        for descriptor, conn in list(self.keepalived_conns.items()):
            if min(conn.timeout, at_most) <= now and self.keepalived_conns.pop(descriptor, None):
                self._close(conn, graceful=False)

    def _serve(self) -> None:
        """Be one of the threads."""
        listeners = {listener.fileno(): listener for listener in self.sockets}
        while True:
            for descriptor, _event in self._ready.poll(maxevents=1):
                if descriptor in listeners:
                    self._take_in(listeners[descriptor])
                else:
                    conn = self.keepalived_conns.pop(descriptor, None)
                    if conn is not None:
                        self._answer(conn)

    def _take_in(self, listener: Any) -> None:
        """Accept a connection, and let the next one wake whichever thread is free."""
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ECONNABORTED):
                self.log.exception("a connection could not be accepted")
        else:
            conn = Connection(self.cfg, client, address, listener.getsockname())
            self._open.add(conn)
            self._put_back(conn, self._ready.register)
        self._listen(listener)

    def _listen(self, listener: Any) -> None:
        """Wait for a connection; while there are too many, a later turn of the main thread does it."""
        self._is_full = len(self._open) >= self.worker_connections
        if not self._is_full and self.alive:
            self._ready.modify(listener, ONCE)

    def _answer(self, conn: Any) -> None:
        """Answer the request that has arrived, and what has arrived with it."""
        try:
            kept = self.handle(conn)
            # What has been read already makes nothing ready.
            while kept and conn.parser.unreader.buf.getvalue():
                kept = self.handle(conn)
            if kept:
                self._put_back(conn, self._ready.modify)
            else:
                self._close(conn, graceful=True)
        except Exception:
            self.log.exception("a connection has failed")
            self._close(conn, graceful=False)

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Answer one request; whether the connection is kept."""
        environ = conn.environs.make(req)
        if environ is None:
            response, environ = wsgi.create(req, conn.sock, conn.client, conn.server, self.cfg, response_class=Answer)
        else:
            response = Answer(req, conn.sock, self.cfg)
        environ["wsgi.multithread"] = True
        if not (self.alive and self.cfg.keepalive) or len(self.keepalived_conns) >= self.max_keepalived:
            response.force_close()
        try:
            body = self.wsgi(environ, response.start_response)
            try:
                for part in body:
                    response.write(part)
                response.close()
            finally:
                if hasattr(body, "close"):
                    body.close()
        except OSError:
            raise
        except (Exception, SystemExit) as error:
            if not response.headers_sent:
                raise
            # An error page would end up within the answer.
            self.log.exception("Error handling request")
            util.close_graceful(conn.sock)
            raise StopIteration from error
        return not response.should_close()

    def _put_back(self, conn: Any, tell_when_ready: Callable[[Any, int], None]) -> None:
        conn.set_timeout()
        self.keepalived_conns[conn.sock.fileno()] = conn
        tell_when_ready(conn.sock, ONCE)

    def _close(self, conn: Any, *, graceful: bool) -> None:
        self._open.discard(conn)
        conn.close(graceful=graceful)
