"""The folder of configuration that the Compose file mounts: a folder for each service, and environment files."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec

from compose import registry
from compose.containers import composefile
from compose.containers.images import SERVERS, resolve
from compose.containers.inside import STACK, STACK_VARIABLE, Inside
from compose.containers.target import Description
from compose.credentials import REPLICATOR, Credentials
from compose.environment import service_environment
from compose.errors import StackError, UsageError
from compose.haproxy.configuration import TLS_VARIABLE
from compose.layout import CLONE
from compose.postgres import clusters, shard_map
from compose.topology import Topology

DEFAULT = CLONE / ".containers"
COMPOSE_FILE = "compose.yaml"
_HERE = Path(__file__).resolve().parent


def write(topology: Topology, folder: Path) -> Path:
    """Make the folder anew, with new credentials, and return its Compose file; UsageError where it holds other files.

    Only its owner can enter the folder. Its files are readable to every user, since each image runs as another user;
    a container sees only the folders that are mounted.
    """
    if os.environ.get(TLS_VARIABLE):
        raise UsageError(f"{TLS_VARIABLE}: containers speak plain HTTP; put a TLS terminator before them")
    if not topology.in_containers or topology.errors:
        raise StackError("not a topology for containers")
    _clear(folder)
    credentials, layout = Credentials(), Inside()
    files = registry.list_files(topology, layout, credentials)
    for name in topology.primary_instances:
        files[name] |= {"password": credentials.superuser, "roles.sql": _lines(clusters.statements(credentials))}
    for primary, replica in zip(topology.primary_instances, topology.replica_instances, strict=True):
        files[replica]["pg_service.conf"] = _service_file(topology, primary, credentials)
    for name in topology.database_servers:
        files[name]["start.sh"] = (_HERE / "start.sh").read_text()
    for name in topology.nginx_instances:
        files[name]["follow.sh"] = (_HERE / "follow.sh").read_text()
    parts = composefile.parts(topology, credentials)
    for part in parts:
        _write_all(folder / composefile.name(part, topology), files.get(part.name, {}))
    stack = Description(topology, {name: resolve(part) for name, part in SERVERS.items()})
    _write_all(folder / STACK.parent.name, {STACK.name: msgspec.json.encode(stack).decode()})
    (folder / "shards").mkdir()
    shard_map.write(folder / "shards" / "shards.json", shard_map.spread(topology, credentials))
    (folder / "shards" / "shards.json").chmod(0o644)
    common = service_environment(topology, layout, credentials)
    environments: dict[str, Mapping[str, str]] = {composefile.name(part, topology): part.environment for part in parts}
    environments["redis"] = {"REDISCLI_AUTH": credentials.redis}
    environments["service"] = common
    environments["locust"] = {**common, STACK_VARIABLE: str(STACK)}
    environments["grafana"] = {
        "LIKESTORM_PROMETHEUS": f"http://{topology.address('prometheus')}",
        "GF_SECURITY_ADMIN_PASSWORD": credentials.tracker_secret,
    }
    _write_all(folder / "env", {f"{name}.env": _lines(_pairs(values)) for name, values in environments.items()})
    composefile.write(topology, folder / COMPOSE_FILE)
    return folder / COMPOSE_FILE


def remove(folder: Path) -> None:
    """Remove the folder with its secrets, if it is one of these."""
    if (folder / COMPOSE_FILE).exists():
        shutil.rmtree(folder)


def _clear(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()) and not (folder / COMPOSE_FILE).exists():
        raise UsageError(f"{folder} holds something else")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)


def _write_all(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir(mode=0o755)
    for name, text in files.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o644)


def _pairs(values: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in values.items()]


def _lines(lines: list[str] | tuple[str, ...]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _service_file(topology: Topology, primary: str, credentials: Credentials) -> str:
    """The file for a replica's base backup: a password must not be on a command line."""
    return (
        f"[primary]\nhost={topology.host(primary)}\nport={topology.ports[primary]}\nuser={REPLICATOR}\n"
        f"password={credentials.replicator}\nsslmode=disable\n"
    )
