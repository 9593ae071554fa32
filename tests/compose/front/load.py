"""A load that counts every answer: several clients with kept connections, reading and writing in turn."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import urllib3


@dataclass
class Load:
    """What came back so far; `failures` are statuses or errors other than 200 and 201."""

    written: list[str] = field(default_factory=list)
    reads: int = 0
    failures: list[str] = field(default_factory=list)


@contextmanager
def load(port: int, clients: int = 6) -> Iterator[Load]:
    """Requests to the front at this port as long as the block lasts, about 100 a second from each client."""
    done, result = threading.Event(), Load()

    def read(pool: urllib3.HTTPConnectionPool, _name: str) -> None:
        status = pool.request("GET", "/echo").status
        result.reads += status == 200
        if status != 200:
            result.failures.append(f"GET {status}")

    def write(pool: urllib3.HTTPConnectionPool, name: str) -> None:
        status = pool.request("POST", "/written", body=name.encode()).status
        if status == 201:
            result.written.append(name)
        else:
            result.failures.append(f"POST {status}")

    def go_on(client: int) -> None:
        number = 0
        with urllib3.HTTPConnectionPool("127.0.0.1", port, maxsize=1, timeout=10, retries=False) as pool:
            while not done.wait(0.01):
                number += 1
                try:
                    (write if number % 2 else read)(pool, f"client {client} write {number}")
                except urllib3.exceptions.HTTPError as error:
                    result.failures.append(repr(error))

    threads = [threading.Thread(target=go_on, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield result
    finally:
        done.set()
        for thread in threads:
            thread.join()
