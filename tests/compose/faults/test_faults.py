"""Faults without a stack: how they repeat, and what a slow wire does."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from compose.faults import repeated
from compose.faults.network import one_in_eight, slow_wire
from tests.servers import wait_until


def test_a_repeated_fault_begins_and_ends_as_often_as_it_is_told() -> None:
    events: list[str] = []

    @contextmanager
    def fault() -> Iterator[None]:
        events.append("begin")
        yield
        events.append("end")

    with repeated(fault, 0, 0.001):
        wait_until(lambda: len(events) > 5)
    assert len(events) % 2 == 0
    assert events == ["begin", "end"] * (len(events) // 2)


def test_a_repeated_fault_that_fails_is_an_error_after_the_block() -> None:
    failed = threading.Event()

    def fault() -> AbstractContextManager[None]:
        failed.set()
        raise OSError("no such process")

    with pytest.raises(OSError, match="no such process"), repeated(fault, 0, 0):
        assert failed.wait(10)


def test_a_slow_wire_delays_the_chunks_that_it_is_told_and_passes_all() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        delays: list[bytes] = []

        def delay(chunk: bytes) -> float:
            delays.append(chunk)
            return 0.1

        with slow_wire(server.getsockname()[1], delay) as port:
            with socket.create_connection(("127.0.0.1", port)) as client:
                connection, _ = server.accept()
                began = time.monotonic()
                client.sendall(b"question")
                with connection:
                    assert connection.recv(100) == b"question"
                    assert time.monotonic() - began >= 0.1
                    connection.sendall(b"answer")
                    assert client.recv(100) == b"answer"
    assert delays == [b"question"]


def test_one_in_eight_of_the_chunks_that_contain_some_bytes_is_delayed() -> None:
    delay = one_in_eight(2.0, containing=b"rq:")
    assert {delay(b"GET user") for _ in range(100)} == {0.0}
    assert 80 < sum(delay(b"LPUSH rq:queue:push") > 0 for _ in range(800)) < 120
