"""The collectors' configuration, read from the file that compose/exporters/part.py writes."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from compose.errors import StackError
from compose.topology import LOOPBACK


@dataclass(frozen=True)
class CdnConfiguration:
    """status: URL of nginx's counters. edge_log, origin_log: files of requests."""

    status: str
    edge_log: str
    origin_log: str


@dataclass(frozen=True)
class SupervisorConfiguration:
    """port, password: of supervisord's XML-RPC. pid_file: where it writes its pid."""

    port: int
    password: str
    pid_file: str


@dataclass(frozen=True)
class Configuration:
    """listen, port: where to listen. stack: the mark of our processes. instances: metrics directory by instance.

    pgbouncer: URL of the admin console. By instance: postgres URLs, memcached HOST:PORT, nginx URLs of the counters and
    access_logs. app_servers: name by HOST:PORT. redis, store: URLs. interval_s: of scrapes. supervisor: None where
    parts are containers.
    """

    port: int
    stack: str
    instances: dict[str, str]
    pgbouncer: str
    postgres: dict[str, str]
    memcached: dict[str, str]
    nginx: dict[str, str]
    access_logs: dict[str, str]
    app_servers: dict[str, str]
    redis: str
    store: str
    cdn: CdnConfiguration
    queues: list[str]
    supervisor: SupervisorConfiguration | None
    interval_s: float
    listen: str = LOOPBACK


def load(path: Path) -> Configuration:
    """Read the JSON file; StackError names it and what is wrong."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Configuration)
    except (OSError, msgspec.MsgspecError) as error:
        raise StackError(f"{path}: {error}") from error
