"""Ways to slow one tier of a running stack down, for tests of what a run says of it; each is undone when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import psutil
import psycopg
import redis
from psycopg.sql import SQL, Identifier

from compose.layout import CLONE, find
from compose.local import Target
from compose.local.supervision import environment
from compose.parts.service import list_service
from compose.readiness import http_probe
from compose.topology import LOOPBACK

HOLD_S, EVERY_S = 0.15, 1.0
"""A tier stands still for so long, each so many seconds: one request in seven or so is hit."""
READY_S = 20.0


@contextlib.contextmanager
def now_and_then(hold: Callable[[], None], let_go: Callable[[], None]) -> Iterator[None]:
    """Hold something for HOLD_S, every EVERY_S, as long as the block lasts; let go in the end whatever happens."""
    over = threading.Event()

    def keep_at_it() -> None:
        while not over.wait(EVERY_S - HOLD_S):
            try:
                hold()
                over.wait(HOLD_S)
            finally:
                let_go()

    thread = threading.Thread(target=keep_at_it)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def standstill(target: Target, *parts: str) -> contextlib.AbstractContextManager[None]:
    """Stop all processes of these parts now and then."""
    states = target.states()
    trees = [_tree(states[part].pid) for part in parts]

    def send(number: signal.Signals) -> None:
        for process in (process for tree in trees for process in tree):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    return now_and_then(lambda: send(signal.SIGSTOP), lambda: send(signal.SIGCONT))


def _tree(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def pooler_pause(target: Target) -> contextlib.AbstractContextManager[None]:
    """Have PgBouncer hand no connection out now and then, by the signals for its PAUSE and RESUME."""
    process = psutil.Process(target.states()["pgbouncer"].pid)
    return now_and_then(
        lambda: process.send_signal(signal.SIGUSR1),
        lambda: process.send_signal(signal.SIGUSR2),
    )


@contextlib.contextmanager
def redis_pause(target: Target) -> Iterator[None]:
    """Have Redis answer nobody now and then, by CLIENT PAUSE."""
    with redis.Redis.from_url(target.environment["LIKESTORM_REDIS_URL"]) as client:
        with now_and_then(lambda: _pause(client), lambda: None):
            yield


def _pause(client: redis.Redis) -> None:
    client.client_pause(round(HOLD_S * 1e3))


@contextlib.contextmanager
def locked_likes(target: Target) -> Iterator[None]:
    """Lock every shard's likes now and then."""
    with contextlib.ExitStack() as stack:
        held = [(stack.enter_context(psycopg.connect(url)), _shards(url)) for url in _primaries(target)]

        def lock() -> None:
            for connection, schemas in held:
                tables = SQL(", ").join(Identifier(schema, "likes") for schema in schemas)
                connection.execute(SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(tables))

        def unlock() -> None:
            for connection, _ in held:
                connection.rollback()

        with now_and_then(lock, unlock):
            yield


@contextlib.contextmanager
def slow_likes(target: Target, seconds: float) -> Iterator[None]:
    """Have every like's INSERT take so much longer."""
    with contextlib.ExitStack() as stack:
        for url in _primaries(target):
            connection = stack.enter_context(psycopg.connect(url, autocommit=True))
            for schema in _shards(url):
                names = {"schema": Identifier(schema), "seconds": SQL(repr(seconds))}
                connection.execute(SQL(_DAWDLE).format(**names))
                stack.callback(connection.execute, SQL("DROP FUNCTION {schema}.dawdle CASCADE").format(**names))
        yield


_DAWDLE = """
CREATE FUNCTION {schema}.dawdle() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep({seconds}); RETURN NEW; END $$;
CREATE TRIGGER dawdle BEFORE INSERT ON {schema}.likes FOR EACH ROW EXECUTE FUNCTION {schema}.dawdle()
"""


def _primaries(target: Target) -> list[str]:
    servers = json.loads(Path(target.environment["LIKESTORM_SHARDS"]).read_text())["servers"]
    return [server["primary"] for server in servers.values()]


def _shards(url: str) -> list[str]:
    """The schemas of a server that hold likes."""
    query = "SELECT schemaname FROM pg_tables WHERE tablename = 'likes' ORDER BY 1"
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        return [schema for (schema,) in connection.execute(query)]


def busy_threads(target: Target) -> contextlib.AbstractContextManager[None]:
    """Keep all threads of all app instances busy now and then, with requests whose bodies do not come."""
    request = b"POST /sessions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
    held: list[socket.socket] = []

    def hold() -> None:
        for instance in target.topology.app_instances:
            for _ in range(target.topology.app_threads):
                held.append(socket.create_connection((LOOPBACK, target.topology.ports[instance])))
                held[-1].sendall(request)

    def let_go() -> None:
        while held:
            held.pop().close()

    return now_and_then(hold, let_go)


@contextlib.contextmanager
def slow_wire(port: int, delay: Callable[[bytes], float]) -> Iterator[int]:
    """A port that leads to another one of this machine; `delay` says how long each chunk sent there is kept, s."""
    loop = asyncio.new_event_loop()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Ended with the wire, a connection is over and no error.
        with contextlib.suppress(asyncio.CancelledError):
            far_reader, far_writer = await asyncio.open_connection(LOOPBACK, port)
            back = asyncio.create_task(_pump(far_reader, writer, lambda _: 0.0))
            await _pump(reader, far_writer, delay)
            await back

    server = loop.run_until_complete(asyncio.start_server(serve, LOOPBACK, 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: Callable[[bytes], float]) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(1 << 16):
            if seconds := delay(chunk):
                await asyncio.sleep(seconds)
            writer.write(chunk)
            await writer.drain()
    writer.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def seldom(seconds: float, *, of: bytes = b"") -> Callable[[bytes], float]:
    """A delay of one chunk in eight of those that hold some bytes."""
    chance = Random(0)
    return lambda chunk: seconds if of in chunk and chance.random() < 1 / 8 else 0.0


@contextlib.contextmanager
def slow_enqueue(target: Target, seconds: float) -> Iterator[None]:
    """Delay one hand-over of jobs in eight, and nothing else that goes to Redis.

    The queue shares its Redis with everybody, so app instances of this block's own reach it over a slow wire.
    """
    address = target.environment["LIKESTORM_REDIS_URL"]
    port = urlsplit(address).port or 0
    names = target.topology.app_instances
    layout = find(target.state_dir)
    with slow_wire(port, seldom(seconds, of=b"rq:queue:")) as wire, contextlib.ExitStack() as stack:
        common = {
            **target.environment,
            "LIKESTORM_REDIS_URL": address.replace(f":{port}/", f":{wire}/"),
        }
        target.supervisor.stop(names)
        stack.callback(target.supervisor.start, names)
        _await(lambda: not any(target.states()[name].pid for name in names))
        for part in list_service(target.topology, layout, common):
            if part.name in names:
                said = stack.enter_context(layout.log(part.name).open("ab"))
                own = environment(layout) | dict(part.environment)
                process = subprocess.Popen(part.command, env=own, cwd=CLONE, stdout=said, stderr=said)
                stack.callback(process.wait)
                stack.callback(process.terminate)
        await_apps(target)
        yield


def await_apps(target: Target) -> None:
    """Return when every app instance is ready."""
    _await(lambda: all(_answers(target.topology.ports[name]) for name in target.topology.app_instances))


def _answers(port: int) -> bool:
    try:
        http_probe(port, "/readyz")()
    except Exception:
        return False
    return True


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the app instances do not do as they are told")
        time.sleep(0.05)
