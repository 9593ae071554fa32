"""Connections that are cut or delayed, by TCP servers of this process."""

import asyncio
import socket
import subprocess
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from random import Random
from urllib.parse import urlsplit

from compose.faults import FaultError
from compose.faults.processes import stopped
from compose.layout import CLONE, find
from compose.local import Target
from compose.local.supervision import environment
from compose.parts.service import list_service
from compose.readiness import http_probe, wait_until
from compose.topology import LOOPBACK

_READY_S = 20.0
_UNFINISHED = b"POST /sessions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Delay = Callable[[bytes], float]
"""How many seconds a chunk is held back."""


@contextmanager
def store_cut(target: Target) -> Iterator[None]:
    """Every connection to the object store is closed at once."""

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    with stopped(target, "store"), _listening(hang_up, target.topology.ports["store"]):
        yield


@contextmanager
def slow_wire(port: int, delay: Delay) -> Iterator[int]:
    """A port that leads to another port of this machine, and delays chunks on their way there."""

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(LOOPBACK, port)
        await asyncio.gather(_pump(reader, far_writer, delay), _pump(far_reader, writer, lambda _: 0.0))

    with _listening(relay) as entry:
        yield entry


def one_in_eight(seconds: float, *, containing: bytes = b"") -> Delay:
    """Delays one in eight of the chunks that contain some bytes."""
    chance = Random(0)
    return lambda chunk: seconds if containing in chunk and chance.random() < 1 / 8 else 0.0


@contextmanager
def busy_threads(target: Target) -> Iterator[None]:
    """Every thread of every app instance waits for the body of a request."""
    with ExitStack() as stack:
        for instance in target.topology.app_instances:
            for _ in range(target.topology.app_threads):
                address = (LOOPBACK, target.topology.ports[instance])
                stack.enter_context(socket.create_connection(address)).sendall(_UNFINISHED)
        yield


@contextmanager
def slow_enqueue(target: Target, seconds: float) -> Iterator[None]:
    """One enqueue of jobs in eight is delayed, and no other command to Redis.

    Queues and other data share one Redis, so app instances of this fault replace the stack's and use a slow wire.
    """
    address = target.environment["LIKESTORM_REDIS_URL"]
    port = urlsplit(address).port or 0
    names, layout = target.topology.app_instances, find(target.state_dir)
    with slow_wire(port, one_in_eight(seconds, containing=b"rq:queue:")) as wire, ExitStack() as stack:
        common = {**target.environment, "LIKESTORM_REDIS_URL": address.replace(f":{port}/", f":{wire}/")}
        stack.enter_context(stopped(target, *names))
        for part in list_service(target.topology, layout, common):
            if part.name in names:
                log = stack.enter_context(layout.log(part.name).open("ab"))
                own = environment(layout) | dict(part.environment)
                process = subprocess.Popen(part.command, env=own, cwd=CLONE, stdout=log, stderr=log)
                stack.callback(process.wait)
                stack.callback(process.terminate)
        await_apps(target)
        yield
    await_apps(target)


def await_apps(target: Target) -> None:
    """Wait until every app instance is ready; FaultError when one is not in time."""
    probes = [http_probe(target.topology.ports[name], "/readyz") for name in target.topology.app_instances]

    def are_ready() -> bool:
        try:
            for probe in probes:
                probe()
        except Exception:
            return False
        return True

    if not wait_until(are_ready, _READY_S):
        raise FaultError(f"the app instances are not ready after {_READY_S:g} s")


@contextmanager
def _listening(serve: Serve, port: int = 0) -> Iterator[int]:
    """A TCP server in a thread of its own, on this port or a free one; OSError when the port is taken."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A connection that is cancelled at the end is no error.
        with suppress(asyncio.CancelledError), closing(writer):
            await serve(reader, writer)

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(handle, LOOPBACK, port))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    # Closed transports close their sockets in the loop's next turn.
    await asyncio.sleep(0)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: Delay) -> None:
    with suppress(ConnectionError), closing(writer):
        while chunk := await reader.read(1 << 16):
            if seconds := delay(chunk):
                await asyncio.sleep(seconds)
            writer.write(chunk)
            await writer.drain()
