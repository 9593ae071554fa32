"""Prometheus, Alertmanager, stock exporters, and the project's collectors."""

from collections.abc import Mapping

from compose.credentials import MONITOR, Credentials, postgres_url
from compose.layout import Layout
from compose.parts import BACKGROUND, MEASURING, Part, python
from compose.topology import Topology

# Exporters need one thread of Go's garbage collector, and a heap that grows by half before a collection, not by all.
_ONE_CORE = {"GOMAXPROCS": "1", "GOGC": "50"}
OFTEN_S = 1
# The collectors of the node exporter that dashboards and alerts use.
_NODE_COLLECTORS = ("cpu", "meminfo", "pressure", "loadavg", "diskstats", "netdev", "stat", "vmstat", "filesystem")


def list_monitoring(
    topology: Topology, layout: Layout, credentials: Credentials, programs: Mapping[str, str]
) -> tuple[Part, ...]:
    """The parts that watch the others."""
    ports, user, nice = topology.ports, layout.user, niceness(topology)

    def exporter(name: str, *arguments: str, listen: str = "--web.listen-address", **environment: str) -> Part:
        command = (programs[name], f"{listen}={topology.listen}:{ports[name]}", *arguments)
        return Part(name, "monitoring", command, user, _ONE_CORE | environment, niceness=nice)

    prometheus = layout.folder("prometheus")
    return (
        Part(
            "prometheus", "monitoring",
            (programs["prometheus"], f"--config.file={prometheus}/prometheus.yml",
             f"--storage.tsdb.path={layout.writable('prometheus')}/data", "--storage.tsdb.retention.time=4d",
             "--storage.tsdb.retention.size=1GB", f"--web.listen-address={topology.listen}:{ports['prometheus']}",
             # For the snapshots that a run keeps.
             "--web.enable-lifecycle", "--web.enable-admin-api", "--log.level=warn"),
            user, _ONE_CORE, niceness=nice,
        ),
        Part(
            "alertmanager", "monitoring",
            (programs["alertmanager"], f"--config.file={layout.folder('alertmanager')}/alertmanager.yml",
             f"--storage.path={layout.writable('alertmanager')}/data", "--cluster.listen-address=",
             f"--web.listen-address={topology.listen}:{ports['alertmanager']}", "--log.level=warn"),
            user, _ONE_CORE, niceness=nice,
        ),
        exporter(
            "exporter-node", "--collector.disable-defaults", "--web.disable-exporter-metrics", "--log.level=warn",
            *(f"--collector.{name}" for name in _NODE_COLLECTORS),
            # /dev/shm is not excluded: the stack's data may be there.
            "--collector.filesystem.mount-points-exclude=^/(proc|sys|run|etc)($|/)",
        ),
        exporter(
            # These two collectors cannot tell several servers apart.
            "exporter-postgres", "--disable-settings-metrics", "--no-collector.database", "--no-collector.bgwriter",
            "--log.level=warn",
            DATA_SOURCE_NAME=",".join(_data_sources(topology, credentials)),
        ),
        exporter(
            "exporter-redis", "-connection-timeout=500ms", listen="-web.listen-address",
            REDIS_ADDR=f"redis://{topology.address('redis')}", REDIS_PASSWORD=credentials.redis,
        ),
        exporter(
            "exporter-blackbox", f"--config.file={layout.folder('exporter-blackbox')}/blackbox.yml",
            "--log.level=warn",
        ),
        # As the caller's user, to count other users' open files.
        Part(
            "collectors", "monitoring",
            python(layout, "collectors", "-m", "compose.exporters", f"{layout.folder('collectors')}/collectors.json"),
            niceness=nice,
        ),
    )  # fmt: skip


def niceness(topology: Topology) -> int:
    """The niceness of the monitoring.

    Scraped each second it comes last, so that requests do not wait for scrapes. Scraped seldom, as in the large
    topology, it comes first: there, with hundreds of processes on full cores, a scrape would miss its deadline.
    """
    return BACKGROUND if topology.scrape_interval_s <= OFTEN_S else MEASURING


def _data_sources(topology: Topology, credentials: Credentials) -> list[str]:
    servers = topology.database_servers
    urls = (
        postgres_url(MONITOR, credentials.monitor, topology.ports[name], host=topology.host(name)) for name in servers
    )
    return [f"{url}?sslmode=disable&connect_timeout=1" for url in urls]
