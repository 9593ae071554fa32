"""What the collectors watch, read from the file that compose/configuration.py writes."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from compose.errors import StackError


@dataclass(frozen=True)
class Configuration:
    """port: where to listen on loopback. stack: the mark of our processes. instances: metrics directory by instance.

    pgbouncer: URL of the admin console. memcached: HOST:PORT. redis, store: URLs.
    """

    port: int
    stack: str
    instances: dict[str, str]
    pgbouncer: str
    memcached: str
    redis: str
    store: str
    queues: list[str]


def load(path: Path) -> Configuration:
    """Read the JSON file; StackError names it and what is wrong."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Configuration)
    except (OSError, msgspec.MsgspecError) as error:
        raise StackError(f"{path}: {error}") from error
