"""The scripted server: HTTP on one epoll loop with microsecond timing, and a log of its requests.

`python -m loadtests.accuracy.server ORDERS.json LOG.json` prints its port, serves until standard input ends, and then
writes its Log. The path of a request is its number: `GET /17` takes the 17th service time.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import select
import socket
import sys
import time
from pathlib import Path

import msgspec
from msgspec import Struct

from loadtests.accuracy.script import Behaviour, Queue

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
END_OF_HEAD = b"\r\n\r\n"
BACKLOG = 4096


class Orders(Struct, frozen=True):
    """The server's script. due: each request's due time in seconds; without, the first request is the start.

    count: number of service times; later requests start from the first again.
    """

    behaviour: Behaviour
    due: list[float]
    count: int


class Log(Struct, frozen=True):
    """What the server saw: number and time of each request (seconds after the start), and the delay of each answer.

    late: seconds after the planned moment, in the order of the answers. began: perf_counter at the start.
    """

    numbers: list[int]
    received: list[float]
    late: list[float]
    began: float


class Server:
    """Answers every request at the moment that the behaviour determines from its arrival, until `end_fd` closes.

    A late answer delays no other answer. The server finds the start of the schedule itself: no request can arrive
    before it is due, so the start is the earliest of (came − due) before the first stall.
    """

    def __init__(self, orders: Orders, listener: socket.socket, end_fd: int) -> None:
        self._orders = orders
        self._services = orders.behaviour.service.times(orders.count)
        self._queue = Queue(orders.behaviour)
        self._first_stall = min((stall.at for stall in orders.behaviour.stalls), default=float("inf"))
        self._listener, self._end_fd = listener, end_fd
        self._epoll = select.epoll()
        for fd in (listener.fileno(), end_fd):
            self._epoll.register(fd, select.EPOLLIN)
        self._connections: dict[int, socket.socket] = {}
        self._heads: dict[int, bytes] = {}
        self._plan: list[tuple[float, int, socket.socket]] = []
        self._start: float | None = None
        self._numbers: list[int] = []
        self._came: list[float] = []
        self._late: list[float] = []

    def run(self) -> Log:
        """Serve until `end_fd` closes."""
        plan, ready = self._plan, self._epoll.poll
        while True:
            # An epoll descriptor in select() wakes to the microsecond; epoll_wait itself rounds up to milliseconds.
            wait = None if not plan else max(0.0, plan[0][0] - time.perf_counter())
            select.select([self._epoll], [], [], wait)
            for fd, _ in ready(0):
                if fd == self._end_fd:
                    return self._log()
                if fd == self._listener.fileno():
                    self._accept()
                else:
                    self._read(fd)
            while plan and plan[0][0] <= time.perf_counter():
                self._answer(*heapq.heappop(plan))

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                connection, _ = self._listener.accept()
                connection.setblocking(False)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._connections[connection.fileno()] = connection
                self._epoll.register(connection.fileno(), select.EPOLLIN)

    def _read(self, fd: int) -> None:
        came = time.perf_counter()
        try:
            part = self._connections[fd].recv(65536)
        except ConnectionError:
            part = b""
        if not part:
            self._close(fd)
            return
        head = self._heads.pop(fd, b"") + part
        if not head.endswith(END_OF_HEAD):
            self._heads[fd] = head
            return
        number = int(head[head.index(b"/") + 1 : head.index(b" ", 5)])
        self._numbers.append(number)
        self._came.append(came)
        start = self._find_start(came, number)
        end = start + self._queue.end(came - start, self._services[number % len(self._services)])
        if end <= came:
            self._answer(came, len(self._came), self._connections[fd])
        else:
            heapq.heappush(self._plan, (end, len(self._came), self._connections[fd]))

    def _find_start(self, came: float, number: int) -> float:
        """The start of the schedule as far as it is known (perf_counter seconds)."""
        latest = came - self._orders.due[number] if self._orders.due else came
        if self._start is None:
            self._start = latest
        elif came - self._start < self._first_stall:
            self._start = min(self._start, latest)
        return self._start

    def _answer(self, planned: float, _order: int, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):  # _read notices a client that has closed the connection
            connection.send(ANSWER)
            self._late.append(time.perf_counter() - planned)

    def _close(self, fd: int) -> None:
        self._epoll.unregister(fd)
        self._heads.pop(fd, None)
        self._connections.pop(fd).close()

    def _log(self) -> Log:
        start = self._start or 0.0
        return Log(self._numbers, [came - start for came in self._came], self._late, start)


def _go_first() -> None:
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(2))


def main(arguments: list[str]) -> int:
    """Read the script, print the port, serve, and write the log."""
    orders = msgspec.json.decode(Path(arguments[0]).read_bytes(), type=Orders)
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as listener:
        listener.setblocking(False)
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        _go_first()
        log = Server(orders, listener, sys.stdin.fileno()).run()
    Path(arguments[1]).write_bytes(msgspec.json.encode(log))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
