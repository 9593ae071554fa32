"""The file that maps logical shards to servers, read again when it was replaced.

    {"servers": {"postgres-1": {"primary": "postgresql://…", "replica": "postgresql://…" or null}, …},
     "shards": ["postgres-1", "postgres-1", …, "postgres-2"]}

The index in `shards` is the logical shard. Their number never changes: names are hashed by it.
"""

import fcntl
import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any

from service.domain.errors import ServiceError
from service.domain.ids import MOST_SHARDS

_log = logging.getLogger(__name__)


class ShardMapError(ServiceError):
    """A shard map that cannot be read or makes no sense; the message names the file."""


@dataclass(frozen=True)
class Server:
    """The addresses of a primary and of its replica, where it has one."""

    primary: str
    replica: str | None


@dataclass(frozen=True)
class ShardMap:
    """Which server has each logical shard."""

    servers: Mapping[str, Server]
    shards: tuple[str, ...]

    def server(self, shard: int) -> Server:
        """Where a shard is."""
        return self.servers[self.shards[shard]]

    def shards_of(self, server: str) -> list[int]:
        """The logical shards on a server."""
        return [shard for shard, name in enumerate(self.shards) if name == server]

    def moved(self, shard: int, server: str) -> "ShardMap":
        """The map after a shard's move."""
        return replace(self, shards=(*self.shards[:shard], server, *self.shards[shard + 1 :]))

    def addresses(self) -> set[str]:
        """All that it leads to."""
        return {address for server in self.servers.values() for address in (server.primary, server.replica) if address}


def read(path: Path) -> ShardMap:
    """The map in a file; ShardMapError when there is none."""
    try:
        return _parse(json.loads(path.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ShardMapError(f"shard map {path}: {error}") from error


def write(path: Path, shard_map: ShardMap) -> None:
    """Replace the file, whole or not at all; only its owner can read it, for it holds passwords."""
    servers = {name: {"primary": its.primary, "replica": its.replica} for name, its in shard_map.servers.items()}
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({"servers": servers, "shards": shard_map.shards}, file)
        file.flush()
        os.fsync(file.fileno())
    if path.exists():
        # The service reads it under another user's name than root's, where root moves a shard.
        owner = path.stat()
        os.chown(partial, owner.st_uid, owner.st_gid)
    partial.replace(path)


def update(path: Path, change: Callable[[ShardMap], ShardMap]) -> None:
    """Replace the file by the result of `change`, under a lock on the folder."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        write(path, change(read(path)))
    finally:
        os.close(folder)


def _parse(content: Any) -> ShardMap:
    servers = {name: Server(its["primary"], its.get("replica")) for name, its in content["servers"].items()}
    shards = tuple(content["shards"])
    for server in servers.values():
        if not isinstance(server.primary, str) or not isinstance(server.replica, str | None):
            raise TypeError("addresses must be text")
    if not 0 < len(shards) <= MOST_SHARDS:
        raise ValueError(f"{len(shards)} logical shards, but there can be 1 to {MOST_SHARDS}")
    for name in shards:
        if name not in servers:
            raise ValueError(f"unknown server {name!r}")
    return ShardMap(servers, shards)


class MapFile:
    """The map of a running process: as it was read, until the file is another one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._seen = _signature(path)
        self._map = read(path)

    def current(self) -> ShardMap:
        """The map that holds now; costs one stat."""
        if _signature(self._path) != self._seen:
            with self._lock:
                self._reload()
        return self._map

    def _reload(self) -> None:
        seen = _signature(self._path)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            found = read(self._path)
        except ShardMapError as error:
            # The process goes on with the map that works.
            _log.warning("the shard map stays as it was: %s", error)
            return
        if len(found.shards) != len(self._map.shards):
            _log.warning("the shard map stays as it was: the number of logical shards cannot change")
            return
        self._map = found


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
