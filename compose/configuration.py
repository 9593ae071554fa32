"""Writes every part's configuration files into its folder."""

import json
import re
import shutil
import string
from collections.abc import Mapping
from pathlib import Path

import yaml

from compose import credentials as names
from compose import supervision
from compose.credentials import Credentials
from compose.layout import CLONE, Layout
from compose.parts import Part, metrics_folder
from compose.scraping import prometheus_configuration
from compose.topology import Topology

HERE = Path(__file__).resolve().parent
RULES = CLONE / "alerts" / "generated" / "rules.yaml"


class _Template(string.Template):
    """@{name}: dollars belong to nginx."""

    delimiter = "@"


def write(topology: Topology, layout: Layout, credentials: Credentials, parts: tuple[Part, ...]) -> None:
    """Make each part's folder and its files in it, readable to the part alone."""
    folders = {part.name: layout.make_folder(part.name, part.user) for part in parts}
    texts = _texts(topology, layout, credentials, parts)
    for part in parts:
        for name, text in texts.get(part.name, {}).items():
            _write(folders[part.name] / name, text, part.user)
    _make_bucket(folders["store"] / "data")
    for instance in (*topology.app_instances, *topology.worker_instances):
        metrics_folder(layout, instance).mkdir()
    if layout.user:
        # nginx is started as root and its worker, the servers' user, must reach its temporary files.
        folders["nginx"].chmod(0o711)
    layout.make_folder("supervisor", None)
    _write(supervision.configuration_path(layout), supervision.configure(topology, layout, credentials, parts), None)


def _make_bucket(data: Path) -> None:
    """By nanio's own hand, before it runs: the service is ready only when its bucket is there."""
    from nanio.storage.filesystem import FilesystemStorage  # type: ignore[import-untyped]

    data.mkdir()
    FilesystemStorage(data).create_bucket(names.BUCKET)


def _write(path: Path, text: str, user: str | None) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
    if user:
        shutil.chown(path, user, user)


def _fill(template: str, values: Mapping[str, object]) -> str:
    return _Template((HERE / template).read_text()).substitute(values)


def _texts(
    topology: Topology, layout: Layout, credentials: Credentials, parts: tuple[Part, ...]
) -> dict[str, dict[str, str]]:
    """Each part's files by name."""
    ports = topology.ports
    rules = RULES.read_text() if RULES.exists() else None
    rules_path = layout.folder("prometheus") / "rules.yaml" if rules else None
    prometheus = {"prometheus.yml": yaml.safe_dump(dict(prometheus_configuration(topology, rules_path)))}
    return {
        "nginx": {"nginx.conf": _nginx(topology, layout)},
        "postgres": {
            "postgresql.conf": _fill("postgres/postgresql.conf", {"port": ports["postgres"]}),
            "pg_hba.conf": _fill("postgres/pg_hba.conf", {}),
            "password": credentials.superuser,
        },
        "pgbouncer": _pgbouncer(topology, layout, credentials),
        "redis": {
            "redis.conf": _fill(
                "redis/redis.conf",
                {"port": ports["redis"], "password": credentials.redis, "folder": layout.folder("redis")},
            )
        },
        "prometheus": prometheus | ({"rules.yaml": rules} if rules else {}),
        "exporter-process": {"processes.yml": yaml.safe_dump(_process_groups(layout, parts))},
        "collectors": {"collectors.json": json.dumps(_collectors(topology, layout, credentials), indent=1)},
    }


def _nginx(topology: Topology, layout: Layout) -> str:
    servers = (
        f"server 127.0.0.1:{topology.ports[name]} max_fails=3 fail_timeout=1s;" for name in topology.app_instances
    )
    values = {
        "user_line": f"user {layout.user};" if layout.user else "",
        "folder": layout.folder("nginx"),
        "logs": layout.logs,
        "app_servers": "\n".join(f"        {server}" for server in servers),
        "port": topology.ports["nginx"],
        "status_port": topology.ports["nginx-status"],
    }
    return _fill("nginx/nginx.conf", values)


def _pgbouncer(topology: Topology, layout: Layout, credentials: Credentials) -> dict[str, str]:
    values = {
        "database": names.DATABASE,
        "monitor": names.MONITOR,
        "port": topology.ports["pgbouncer"],
        "postgres_port": topology.ports["postgres"],
        "folder": layout.folder("pgbouncer"),
        # One connection a thread of the app: a benchmark of the database, not of the queue before it.
        "pool_size": topology.app * topology.app_threads,
    }
    # In clear: PgBouncer needs the password itself to log in to PostgreSQL by SCRAM.
    users = f'"{names.ROLE}" "{credentials.database}"\n"{names.MONITOR}" "{credentials.monitor}"\n'
    return {"pgbouncer.ini": _fill("pgbouncer/pgbouncer.ini", values), "userlist.txt": users}


def _process_groups(layout: Layout, parts: tuple[Part, ...]) -> dict[str, list[dict[str, object]]]:
    """One group a part, found by its whole command line; its children are counted with it."""
    commands = {part.name: " ".join(part.command) for part in parts}
    commands["supervisor"] = " ".join(supervision.command(layout))
    return {
        "process_names": [{"name": name, "cmdline": [re.escape(command)]} for name, command in commands.items()],
    }


def _collectors(topology: Topology, layout: Layout, credentials: Credentials) -> dict[str, object]:
    ports = topology.ports
    environment = names.service_environment(topology, credentials)
    return {
        "port": ports["collectors"],
        "stack": str(layout.state),
        "instances": {
            name: str(metrics_folder(layout, name)) for name in (*topology.app_instances, *topology.worker_instances)
        },
        "pgbouncer": names.postgres_url(names.MONITOR, credentials.monitor, ports["pgbouncer"], "pgbouncer"),
        "memcached": environment["LIKESTORM_MEMCACHED"],
        "redis": environment["LIKESTORM_REDIS_URL"],
        "store": environment["LIKESTORM_S3_ENDPOINT"],
        "queues": list(topology.workers),
    }
