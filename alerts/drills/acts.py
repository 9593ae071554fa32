"""Faults as blocks: done when the block begins, ended when it ends."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import requests
from likestorm.generator.launcher import SwarmError
from psycopg import sql
from pymemcache.client.base import Client
from redis import Redis, RedisError

from alerts.drills import DrillError
from alerts.drills.load import BACKGROUND, Load
from alerts.drills.proxy import hang_up
from alerts.drills.stage import Stage, await_true
from compose.errors import StackError
from compose.postgres import shard_map
from compose.topology import LOOPBACK

_STOP_S, _START_S = 30.0, 60.0
PAUSE_S = 15.0
LOCKED = ("likes", "photos", "users")

FAILURES = (DrillError, OSError, psycopg.Error, RedisError, StackError, subprocess.SubprocessError, SwarmError)
"""What a fault may end with when it cannot be done or ended; requests' errors are OSErrors."""


@dataclass(frozen=True)
class Scene:
    """What faults work on; folder: where they may leave files."""

    stage: Stage
    load: Load
    folder: Path


def _pids(scene: Scene, part: str) -> list[int]:
    """A part's processes, parents first."""
    root = psutil.Process(scene.stage.target.pids()[part])
    return [root.pid, *(child.pid for child in root.children(recursive=True))]


@contextmanager
def stopped(scene: Scene, *parts: str) -> Iterator[None]:
    """These parts are told to end, and stay away."""
    supervisor = scene.stage.target.supervisor

    def are_away() -> bool:
        states = supervisor.states()
        left = [part for part in parts if states[part].state not in ("STOPPED", "FATAL")]
        # What has just died is about to be started anew, and can be stopped only then.
        supervisor.stop(part for part in left if states[part].state != "STOPPING")
        return not left

    try:
        if not await_true(are_away, _STOP_S):
            raise DrillError(f"{', '.join(parts)} do not stop")
        yield
    finally:
        supervisor.start(part for part in parts if not supervisor.states()[part].pid)
        await_true(lambda: all(supervisor.states()[part].state == "RUNNING" for part in parts), _START_S)


@contextmanager
def killed(scene: Scene, part: str) -> Iterator[None]:
    """The part's processes are killed, and supervisord may not start it anew."""
    pids = _pids(scene, part)
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    with stopped(scene, part):
        yield


@contextmanager
def frozen(scene: Scene, *parts: str) -> Iterator[None]:
    """Every process of these parts stands still."""
    pids = [pid for part in parts for pid in _pids(scene, part)]
    with _standing_still(pids):
        yield


@contextmanager
def _standing_still(pids: list[int]) -> Iterator[None]:
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


@contextmanager
def replay_frozen(scene: Scene) -> Iterator[None]:
    """The process that applies on a replica what the primary wrote stands still; the replica answers."""
    found = [
        pid
        for pid in _pids(scene, "postgres-1-replica")
        if "startup recovering" in " ".join(psutil.Process(pid).cmdline())
    ]
    if not found:
        raise DrillError("postgres-1-replica has no process that replays")
    with _standing_still(found):
        yield


@contextmanager
def paused(scene: Scene) -> Iterator[None]:
    """PgBouncer is told PAUSE by its signal, then RESUME."""
    pid = scene.stage.target.pids()["pgbouncer"]
    os.kill(pid, signal.SIGUSR1)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGUSR2)


def _primary(scene: Scene) -> str:
    """The address of one primary."""
    shards = shard_map.read(Path(scene.stage.target.environment["LIKESTORM_SHARDS"]))
    return shards.servers[min(shards.servers)].primary


@contextmanager
def locked(scene: Scene) -> Iterator[None]:
    """Somebody holds on to one primary's tables."""
    with psycopg.connect(_primary(scene), prepare_threshold=None) as connection:
        _lock(connection)
        yield
        connection.rollback()


def _lock(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    found = connection.execute(
        "SELECT schemaname, tablename FROM pg_tables WHERE tablename = ANY(%s) AND schemaname <> 'pg_catalog'",
        (list(LOCKED),),
    ).fetchall()
    names = sql.SQL(", ").join(sql.Identifier(str(schema), str(table)) for schema, table in sorted(found))
    connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(names))


@contextmanager
def _at_times(act: Callable[[], AbstractContextManager[None]], held_s: float, every_s: float) -> Iterator[None]:
    """Do something for so long, again and again."""
    over = threading.Event()

    def repeat() -> None:
        while not over.is_set():
            began = time.monotonic()
            with act():
                over.wait(held_s)
            over.wait(max(0.0, began + every_s - time.monotonic()))

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def locked_at_times(scene: Scene, held_s: float, every_s: float) -> Iterator[None]:
    """Somebody takes all of one primary's tables for so long, again and again."""
    with psycopg.connect(_primary(scene), prepare_threshold=None) as connection:

        @contextmanager
        def hold() -> Iterator[None]:
            _lock(connection)
            yield
            connection.rollback()

        with _at_times(hold, held_s, every_s):
            yield


@contextmanager
def redis_paused(scene: Scene) -> Iterator[None]:
    """Redis keeps every client waiting, for a time that is set beforehand: it would not hear of a change of mind."""
    with Redis.from_url(scene.stage.target.environment["LIKESTORM_REDIS_URL"], socket_timeout=2 * PAUSE_S) as client:
        client.execute_command("CLIENT", "PAUSE", int(1000 * PAUSE_S), "ALL")
        try:
            yield
        finally:
            client.ping()


@contextmanager
def memcached_filled(scene: Scene) -> Iterator[None]:
    """One memcached is given more than it can keep, on and on."""
    over = threading.Event()

    def fill() -> None:
        client = Client((LOOPBACK, scene.stage.port("memcached-1")), timeout=2, connect_timeout=2)
        number = 0
        with suppress(OSError):
            while not over.wait(0.02):
                client.set_many({f"drill-{number + place}": b"x" * 200_000 for place in range(10)}, expire=60)
                number += 10
        client.close()

    thread = threading.Thread(target=fill, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def store_cut(scene: Scene) -> Iterator[None]:
    """Whoever connects to the object store is hung up on."""
    with stopped(scene, "store"), hang_up(scene.stage.port("store")):
        yield


@contextmanager
def push_fails(scene: Scene, **fault: object) -> Iterator[None]:
    """The fake for Apple's push service does as it is told."""
    address = f"http://{LOOPBACK}:{scene.stage.port('fakes')}/faults"
    requests.post(address, json={"fake": "push", **fault}, timeout=5).raise_for_status()
    try:
        yield
    finally:
        requests.delete(address, timeout=5).raise_for_status()


@contextmanager
def push_fails_at_times(scene: Scene, held_s: float, every_s: float, **fault: object) -> Iterator[None]:
    """It does so for so long, again and again."""
    with _at_times(lambda: push_fails(scene, **fault), held_s, every_s):
        yield


@contextmanager
def broken_pictures(scene: Scene) -> Iterator[None]:
    """Some clients upload files that are called pictures."""
    file = scene.folder / "broken.jpg"
    file.write_bytes(b"this is no picture" * 100)
    scene.load.start("broken-pictures", {"upload": 6.0}, file)
    try:
        yield
    finally:
        scene.load.stop("broken-pictures")


@contextmanager
def uploads_stopped(scene: Scene) -> Iterator[None]:
    """Those who upload go away."""
    scene.load.stop("uploads")
    try:
        yield
    finally:
        scene.load.start("uploads", BACKGROUND["uploads"])


@contextmanager
def flood(scene: Scene, arrival: str, rate: float) -> Iterator[None]:
    """So many more a second of one kind."""
    name = f"{arrival}-flood"
    scene.load.start(name, {arrival: rate})
    try:
        yield
    finally:
        scene.load.stop(name)


@contextmanager
def disk_filled(scene: Scene) -> Iterator[None]:
    """A file system of its own is filled; root alone can make one."""
    if os.geteuid() != 0:
        raise DrillError("only root can mount a file system to fill")
    place = scene.folder / "disk"
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "likestorm-drill", place], check=True)
    try:
        (place / "filling").write_bytes(b"\0" * (15 << 20))
        yield
    finally:
        subprocess.run(["umount", place], check=True)


@contextmanager
def memory_taken(scene: Scene) -> Iterator[None]:
    """A process takes memory until a thirtieth of it is left."""
    free = psutil.virtual_memory()
    size = free.available - free.total // 30
    hold = "import sys, time; held = b'x' * int(sys.argv[1]); time.sleep(600)"
    taker = subprocess.Popen([sys.executable, "-c", hold, str(size)], cwd=scene.folder)
    try:
        yield
    finally:
        taker.terminate()
        taker.wait()
