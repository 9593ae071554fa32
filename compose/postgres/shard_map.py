"""The file that maps logical shards to servers; a process that changes it holds the lock of its folder."""

from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from compose.credentials import ROLE, Credentials, postgres_url
from compose.errors import StackError, UsageError
from compose.files import write_whole
from compose.topology import Topology


@dataclass(frozen=True)
class Server:
    """URLs of one server's databases, through PgBouncer; replica None after its promotion."""

    primary: str
    replica: str | None


@dataclass(frozen=True)
class ShardMap:
    """servers by name; shards: the server of each logical shard, in the order of their numbers."""

    servers: dict[str, Server]
    shards: list[str]

    def promoted(self, name: str) -> "ShardMap":
        """The map with this server's replica in its place; UsageError for a server that is not there or has none."""
        if name not in self.servers:
            raise UsageError(f"unknown server {name!r}, known: {', '.join(self.servers)}")
        replica = self.servers[name].replica
        if replica is None:
            raise UsageError(f"{name} has no replica left: it was promoted already")
        return replace(self, servers={**self.servers, name: Server(replica, None)})


def spread(topology: Topology, credentials: Credentials) -> ShardMap:
    """The map of a new stack: each primary gets a range of shards, and no two differ in length by more than one."""

    def url(database: str) -> str:
        return postgres_url(
            ROLE, credentials.database, topology.ports["pgbouncer"], database, topology.host("pgbouncer")
        )

    names, count = topology.primary_instances, topology.logical_shards
    return ShardMap(
        {name: Server(url(name), url(f"{name}-replica")) for name in names},
        [names[shard * len(names) // count] for shard in range(count)],
    )


def read(file: Path) -> ShardMap:
    """The map in a file; StackError names it and what is wrong."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=ShardMap)
    except (OSError, msgspec.MsgspecError) as error:
        raise StackError(f"{file}: {error}") from error


def write(file: Path, content: ShardMap) -> None:
    """Replace the map as a whole."""
    write_whole(file, msgspec.json.format(msgspec.json.encode(content), indent=1))
