"""Writes every part's configuration files into its folder."""

import json
import shutil
from pathlib import Path

import yaml

from compose import credentials as names
from compose.alertmanager import configuration
from compose.connection_limits import plan
from compose.credentials import Credentials
from compose.environment import service_environment
from compose.fakes import part as fakes
from compose.layout import CLONE, Layout
from compose.local import supervision
from compose.parts import Part, balancer, metrics_folder
from compose.parts.service import list_instances
from compose.postgres import shard_map
from compose.registry import list_jobs
from compose.scraping import prometheus_configuration
from compose.templates import fill
from compose.topology import Topology

RULES = CLONE / "alerts" / "generated" / "rules.yaml"
NAPTIME_S, NAPTIME_STEP_S = 60, 5


def write(topology: Topology, layout: Layout, credentials: Credentials, parts: tuple[Part, ...]) -> None:
    """Make each part's folder and its files in it, readable to the part alone, and the shard map."""
    folders = {part.name: layout.make_folder(part.name, part.user) for part in parts}
    files = texts(topology, layout, credentials)
    for part in parts:
        for name, text in files.get(part.name, {}).items():
            _write(folders[part.name] / name, text, part.user)
    make_bucket(layout.objects)
    for instance in list_instances(topology):
        metrics_folder(layout, instance).mkdir()
    if layout.user:
        for name in balancer.open_folders(topology):
            folders[name].chmod(0o711)
    shard_map.write(shard_map.path(layout), shard_map.spread(topology, credentials))
    layout.make_folder("supervisor", None)
    _write(supervision.configuration_path(layout), supervision.configure(topology, layout, credentials, parts), None)


def make_bucket(data: Path) -> None:
    """By nanio's own hand, before it runs: the service is ready only when its bucket is there."""
    from nanio.storage.filesystem import FilesystemStorage  # type: ignore[import-untyped]

    data.mkdir()
    FilesystemStorage(data).create_bucket(names.BUCKET)


def _write(path: Path, text: str, user: str | None) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
    if user:
        shutil.chown(path, user, user)


def texts(topology: Topology, layout: Layout, credentials: Credentials) -> dict[str, dict[str, str]]:
    """Each part's files by name."""
    ports = topology.ports
    jobs = list_jobs(topology)
    rules = RULES.read_text() if RULES.exists() else None
    rules_path = layout.folder("prometheus") / "rules.yaml" if rules else None
    prometheus = {"prometheus.yml": yaml.safe_dump(dict(prometheus_configuration(topology, jobs, rules_path)))}
    redis = {
        "listen": topology.listen,
        "port": ports["redis"],
        "password": credentials.redis,
        "folder": layout.writable("redis"),
        "clients": plan(topology).redis_clients,
    }
    return {
        **_postgres(topology, credentials),
        **balancer.front_texts(topology, layout, credentials),
        **fakes.list_files(topology, layout),
        "pgbouncer": _pgbouncer(topology, layout, credentials),
        "redis": {"redis.conf": fill("redis/redis.conf", redis)},
        "prometheus": prometheus | ({"rules.yaml": rules} if rules else {}),
        configuration.NAME: {"alertmanager.yml": configuration.alertmanager_text()},
        "exporter-blackbox": {"blackbox.yml": fill("blackbox/blackbox.yml", {"timeout": "800ms"})},
        "collectors": {"collectors.json": json.dumps(_collectors(topology, layout, credentials), indent=1)},
    }


def _postgres(topology: Topology, credentials: Credentials) -> dict[str, dict[str, str]]:
    """The files of every server; a primary has nobody to follow."""
    capacity = plan(topology)
    values = {
        "listen": topology.listen,
        "max_connections": capacity.max_connections,
        "shared_buffers_mb": capacity.shared_buffers_mb,
        "max_wal_mb": capacity.max_wal_mb,
        "wal_keep_mb": capacity.wal_keep_mb,
    }
    clients = {"replicator": names.REPLICATOR, "clients": "samenet" if topology.in_containers else f"{names.HOST}/32"}
    access = fill("postgres/pg_hba.conf", clients)
    files = {}
    for number, (primary, replica) in enumerate(
        zip(topology.primary_instances, topology.replica_instances, strict=True)
    ):
        follow = (
            f"host={topology.host(primary)} port={topology.ports[primary]} user={names.REPLICATOR} "
            f"password={credentials.replicator} application_name={replica} sslmode=disable"
        )
        for server, conninfo in ((primary, ""), (replica, follow)):
            # Servers that were started together would send autovacuum's workers at the same moment, to the same cores.
            naptime_s = NAPTIME_S + NAPTIME_STEP_S * number
            own = {"port": topology.ports[server], "primary": conninfo, "naptime_s": naptime_s}
            files[server] = {
                "postgresql.conf": fill("postgres/postgresql.conf", values | own),
                "pg_hba.conf": access,
            }
    return files


def _pgbouncer(topology: Topology, layout: Layout, credentials: Credentials) -> dict[str, str]:
    capacity = plan(topology)
    servers = (*topology.primary_instances, *topology.replica_instances)
    values = {
        "databases": "\n".join(
            f"{name} = host={topology.host(name)} port={topology.ports[name]} dbname={names.DATABASE}"
            for name in servers
        ),
        "listen": topology.listen,
        "monitor": names.MONITOR,
        "port": topology.ports["pgbouncer"],
        "folder": layout.folder("pgbouncer"),
        "client_connections": capacity.client_connections,
        "server_pool": capacity.server_pool,
    }
    # Of the service's role the very secret that PostgreSQL has: then PgBouncer logs in there with what a client's own
    # log-in has shown it. The monitor only asks PgBouncer itself.
    secrets = {
        names.ROLE: names.scram_secret(credentials.database, credentials.salt),
        names.MONITOR: credentials.monitor,
    }
    users = "".join(f'"{user}" "{secret}"\n' for user, secret in secrets.items())
    return {"pgbouncer.ini": fill("pgbouncer/pgbouncer.ini", values), "userlist.txt": users}


def _collectors(topology: Topology, layout: Layout, credentials: Credentials) -> dict[str, object]:
    ports, inside = topology.ports, topology.in_containers
    environment = service_environment(topology, layout, credentials)
    edge_log, origin_log = balancer.cdn_logs(layout)
    return {
        "listen": topology.listen,
        "port": ports["collectors"],
        "stack": str(layout.state),
        "instances": {} if inside else {name: str(metrics_folder(layout, name)) for name in list_instances(topology)},
        "pgbouncer": names.postgres_url(
            names.MONITOR, credentials.monitor, ports["pgbouncer"], "pgbouncer", topology.host("pgbouncer")
        ),
        "postgres": {
            name: names.postgres_url(names.MONITOR, credentials.monitor, ports[name], host=topology.host(name))
            for name in (*topology.primary_instances, *topology.replica_instances)
        },
        "memcached": {name: topology.address(name) for name in topology.memcached_instances},
        "nginx": {
            name: f"http://{topology.address(f'{name}-status')}/stub_status" for name in topology.nginx_instances
        },
        "access_logs": {name: str(layout.logs / f"{name}-access.log") for name in topology.nginx_instances},
        "app_servers": {} if inside else {topology.address(name): name for name in topology.app_instances},
        "redis": environment["LIKESTORM_REDIS_URL"],
        "store": environment["LIKESTORM_S3_ENDPOINT"],
        "cdn": {
            "status": f"http://{topology.address('cdn-status')}/stub_status",
            "edge_log": str(edge_log),
            "origin_log": str(origin_log),
        },
        "queues": list(topology.workers),
        "interval_s": topology.scrape_interval_s,
        "supervisor": None
        if inside
        else {
            "port": ports["supervisor"],
            "password": credentials.supervisor,
            "pid_file": str(supervision.pid_file(layout)),
        },
    }
