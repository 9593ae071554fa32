"""Every part of the stack: how it is started, as whom, and in which stage."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from compose.credentials import HOST, MONITOR, REGION, Credentials, postgres_url, service_environment
from compose.layout import CLONE, Layout
from compose.topology import Topology

Stage = Literal["stores", "pool", "service", "monitoring"]
STAGES: tuple[Stage, ...] = ("stores", "pool", "service", "monitoring")
STORES = frozenset({"postgres", "redis", "memcached", "store"})

# The load generator, at 0, comes first: what it measures must not be its own wait for a core. What nobody waits for
# comes last, so that no request is kept waiting by a thumbnail or a scrape.
SERVING, BACKGROUND = 5, 15
# Go runs as many collector threads as there are cores unless told otherwise; exporters need one.
_ONE_CORE = {"GOMAXPROCS": "1"}
# The exporter of the nodes reads everything it can; only these are ever looked at.
_NODE_COLLECTORS = ("cpu", "meminfo", "pressure", "loadavg", "diskstats", "netdev", "stat", "vmstat")


@dataclass(frozen=True)
class Part:
    """One process of the stack; its command line is unlike any other on the machine, by a path or a port in it.

    user: as whom it runs, None is whoever starts the stack. niceness: how far it stands back when CPU is short.
    environment: on top of the service's, which all get.
    """

    name: str
    stage: Stage
    command: tuple[str, ...]
    user: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = "TERM"
    niceness: int = SERVING


def list_parts(
    topology: Topology, layout: Layout, credentials: Credentials, programs: Mapping[str, str]
) -> tuple[Part, ...]:
    """All parts in the order in which they start; `programs` as binaries.locate() gives them."""
    return (
        *_stores(topology, layout, credentials, programs),
        Part("pgbouncer", "pool", (programs["pgbouncer"], f"{layout.folder('pgbouncer')}/pgbouncer.ini"), layout.user),
        *_service(topology, layout, credentials),
        Part(
            "nginx", "service",
            (programs["nginx"], "-p", str(layout.folder("nginx")), "-c", f"{layout.folder('nginx')}/nginx.conf"),
            stop_signal="QUIT",
        ),
        *_monitoring(topology, layout, credentials, programs),
    )  # fmt: skip


def _stores(
    topology: Topology, layout: Layout, credentials: Credentials, programs: Mapping[str, str]
) -> tuple[Part, ...]:
    ports, postgres = topology.ports, layout.folder("postgres")
    store_environment = {
        "NANIO_ACCESS_KEY": credentials.store_access,
        "NANIO_SECRET_KEY": credentials.store_secret,
    }
    return (
        # SIGINT ends PostgreSQL's sessions and stops it; SIGTERM would wait for the clients to leave.
        Part(
            "postgres", "stores",
            (programs["postgres"], "-D", f"{postgres}/data", "-c", f"config_file={postgres}/postgresql.conf",
             "-c", f"hba_file={postgres}/pg_hba.conf"),
            layout.user, stop_signal="INT",
        ),
        Part("redis", "stores", (programs["redis"], f"{layout.folder('redis')}/redis.conf"), layout.user),
        Part(
            "memcached", "stores",
            (programs["memcached"], "-l", HOST, "-p", str(ports["memcached"]), "-U", "0", "-m", "64", "-t", "2",
             "-c", "1024"),
            layout.user,
        ),
        Part(
            "store", "stores",
            (sys.executable, "-m", "nanio", "serve", "--host", HOST, "--port", str(ports["store"]),
             "--data-dir", f"{layout.folder('store')}/data", "--region", REGION, "--workers", "1",
             "--no-access-log", "--log-level", "warning"),
            environment=store_environment,
        ),
    )  # fmt: skip


def _service(topology: Topology, layout: Layout, credentials: Credentials) -> tuple[Part, ...]:
    common = service_environment(topology, credentials)

    def environment(instance: str) -> dict[str, str]:
        own = {"LIKESTORM_INSTANCE": instance, "PROMETHEUS_MULTIPROC_DIR": str(metrics_folder(layout, instance))}
        return common | own

    apps = (
        Part(
            instance, "service",
            (sys.executable, "-m", "gunicorn", "-c", f"{CLONE}/service/gunicorn.conf.py",
             "--bind", f"{HOST}:{topology.ports[instance]}", "--workers", "1", "--threads", str(topology.app_threads),
             "service.app:from_env()"),
            environment=environment(instance),
        )
        for instance in topology.app_instances
    )  # fmt: skip
    workers = (
        Part(
            instance, "service",
            # -X sets nothing here; it is Python's own way to carry a mark on a command line.
            (sys.executable, "-X", f"part={layout.folder(instance)}", "-m", "service.worker", queue),
            environment=environment(instance),
            niceness=BACKGROUND,
        )
        for instance, queue in topology.worker_instances.items()
    )  # fmt: skip
    return (*apps, *workers)


def _monitoring(
    topology: Topology, layout: Layout, credentials: Credentials, programs: Mapping[str, str]
) -> tuple[Part, ...]:
    ports, user = topology.ports, layout.user

    def exporter(name: str, *arguments: str, listen: str = "--web.listen-address", **environment: str) -> Part:
        command = (programs[name], f"{listen}={HOST}:{ports[name]}", *arguments)
        return Part(name, "monitoring", command, user, _ONE_CORE | environment, niceness=BACKGROUND)

    prometheus = layout.folder("prometheus")
    return (
        Part(
            "prometheus", "monitoring",
            (programs["prometheus"], f"--config.file={prometheus}/prometheus.yml",
             f"--storage.tsdb.path={prometheus}/data", "--storage.tsdb.retention.time=12h",
             f"--web.listen-address={HOST}:{ports['prometheus']}", "--web.enable-lifecycle", "--log.level=warn"),
            user, _ONE_CORE, niceness=BACKGROUND,
        ),
        exporter(
            "exporter-node", "--collector.disable-defaults", "--web.disable-exporter-metrics", "--log.level=warn",
            *(f"--collector.{name}" for name in _NODE_COLLECTORS),
        ),
        exporter(
            "exporter-postgres", "--disable-settings-metrics", "--log.level=warn",
            DATA_SOURCE_NAME=postgres_url(MONITOR, credentials.monitor, ports["postgres"]) + "?sslmode=disable",
        ),
        exporter(
            "exporter-redis", "-connection-timeout=500ms", listen="-web.listen-address",
            REDIS_ADDR=f"redis://{HOST}:{ports['redis']}", REDIS_PASSWORD=credentials.redis,
        ),
        exporter(
            "exporter-nginx", f"-nginx.scrape-uri=http://{HOST}:{ports['nginx-status']}/stub_status",
            "-nginx.timeout=500ms", listen="-web.listen-address",
        ),
        # As whoever started the stack: it reads other users' processes.
        Part(
            "exporter-process", "monitoring",
            (programs["exporter-process"], f"-web.listen-address={HOST}:{ports['exporter-process']}",
             f"-config.path={layout.folder('exporter-process')}/processes.yml", "-gather-smaps=false",
             "-threads=false"),
            environment=_ONE_CORE, niceness=BACKGROUND,
        ),
        Part(
            "collectors", "monitoring",
            (sys.executable, "-m", "compose.exporters", f"{layout.folder('collectors')}/collectors.json"),
            niceness=BACKGROUND,
        ),
    )  # fmt: skip


def metrics_folder(layout: Layout, instance: str) -> Path:
    """Where one service instance keeps its metrics (PROMETHEUS_MULTIPROC_DIR)."""
    return layout.folder(instance) / "metrics"
