"""What an entry of the media map costs: layouts side by side, each loaded into a Redis of its own and measured."""

import random
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, perf_counter, sleep

import redis

from service.domain import ids
from service.domain.errors import ServiceError
from service.stores.media_map import LISTPACK_ENTRIES, MediaMap, buckets_for, locate, pack_owner

START_TIMEOUT_S = 10.0
BATCH = 50_000
LOOKUPS = 10_000
_SHARDS = 16
_PHOTOS_A_SECOND = 25
_OLDEST_OWNER_MS = 365 * 86_400_000
_LAUNCH_MS = 2 * _OLDEST_OWNER_MS

Entry = tuple[int, int]
Place = tuple[bytes, bytes | None, bytes]
"""Key, field (None: a plain key) and value of one entry."""


class MeasurementError(ServiceError):
    """No server to measure with, or one that does not give back what was stored."""


@dataclass(frozen=True)
class Layout:
    """One way to store the map: where an entry (photo, owner) goes in a map for so many."""

    name: str
    place: Callable[[Entry, int], Place]


@dataclass(frozen=True)
class Cost:
    """What a layout came to: bytes an entry by Redis's used_memory, entries written a second."""

    name: str
    bytes_an_entry: float
    entries_a_second: float


def _plain(entry: Entry, _entries: int) -> Place:
    return b"media:%d" % entry[0], None, b"%d" % entry[1]


def _by_thousands(entry: Entry, _entries: int) -> Place:
    return b"media:%d" % (entry[0] // 1000), b"%d" % (entry[0] % 1000), b"%d" % entry[1]


def _spread(entry: Entry, entries: int) -> Place:
    key, _ = locate(entry[0], buckets_for(entries))
    return key, b"%d" % entry[0], b"%d" % entry[1]


def _packed(entry: Entry, entries: int) -> Place:
    return *locate(entry[0], buckets_for(entries)), pack_owner(*entry)


LAYOUTS = (
    Layout("a key for each photo", _plain),
    Layout("hashes by id // 1000, as published", _by_thousands),
    Layout("hashes by scrambled id, decimal ids", _spread),
    Layout("hashes by scrambled id, packed (in use)", _packed),
)


def measure(entries: int) -> Iterator[Cost]:
    """The cost of each layout, one after the other; MeasurementError when the map in use loses an entry."""
    media = list(_draw(entries))
    with _own_redis() as client:
        for layout in LAYOUTS:
            client.flushall()
            before = client.info("memory")["used_memory"]
            started = perf_counter()
            _load(client, [layout.place(entry, entries) for entry in media])
            seconds = perf_counter() - started
            used = client.info("memory")["used_memory"] - before
            yield Cost(layout.name, used / entries, entries / seconds)
        _check(MediaMap(client, buckets_for(entries)), media)


def _draw(entries: int) -> Iterator[Entry]:
    """Photos as they come, 25 a second, of owners who signed up within the year before; the same each time."""
    drawn = random.Random(1)
    for number in range(entries):
        made = _LAUNCH_MS + number * 1000 // _PHOTOS_A_SECOND
        shard = drawn.randrange(_SHARDS)
        owner = ids.compose(made - drawn.randrange(1, _OLDEST_OWNER_MS), shard, drawn.randrange(8))
        # The sequence keeps those of one millisecond apart; several can be, when they were asked for at once.
        yield ids.compose(made, shard, number % 8), owner


def _load(client: redis.Redis, places: Sequence[Place]) -> None:
    for start in range(0, len(places), BATCH):
        hashes: dict[bytes, list[bytes]] = {}
        with client.pipeline(transaction=False) as pipeline:
            for key, field, value in places[start : start + BATCH]:
                if field is None:
                    pipeline.set(key, value)
                else:
                    hashes.setdefault(key, []).extend((field, value))
            for key, items in hashes.items():
                pipeline.hset(key, items=items)
            pipeline.execute()


def _check(media_map: MediaMap, media: Sequence[Entry]) -> None:
    expected = dict(random.Random(2).sample(media, min(LOOKUPS, len(media))))
    if media_map.find_owners(list(expected)) != expected:
        raise MeasurementError("the map gives back other owners than were stored")


@contextmanager
def _own_redis() -> Iterator[redis.Redis]:
    """A Redis that is reached by a socket file only, stores nothing on disk, and is gone afterwards."""
    server = shutil.which("redis-server")
    if server is None:
        raise MeasurementError("redis-server is not installed")
    with tempfile.TemporaryDirectory(prefix="likestorm-media-map-") as directory:
        socket = str(Path(directory) / "redis.sock")
        command = [
            server,
            "--port",
            "0",
            "--unixsocket",
            socket,
            "--dir",
            directory,
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        command += ["--hash-max-listpack-entries", str(LISTPACK_ENTRIES)]
        running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        client = redis.Redis(unix_socket_path=socket)
        try:
            _wait(client, running)
            yield client
        finally:
            client.close()
            running.terminate()
            running.wait()


def _wait(client: redis.Redis, running: subprocess.Popen[bytes]) -> None:
    deadline = monotonic() + START_TIMEOUT_S
    while True:
        try:
            client.ping()
        except redis.ConnectionError as error:
            if running.poll() is not None or monotonic() > deadline:
                raise MeasurementError("redis-server does not start") from error
            sleep(0.02)
        else:
            return
