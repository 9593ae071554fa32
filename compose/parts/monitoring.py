"""Prometheus, Alertmanager, the exporters that others keep, and the collectors of ours."""

from collections.abc import Mapping

from compose.credentials import MONITOR, Credentials, postgres_url
from compose.layout import Layout
from compose.parts import BACKGROUND, MEASURING, Part, python
from compose.topology import Topology

# Go runs as many collector threads as there are cores unless told otherwise; exporters need one.
# And a heap that may double before it is collected is twice as large as it needs to be.
_ONE_CORE = {"GOMAXPROCS": "1", "GOGC": "50"}
OFTEN_S = 1
# The exporter of the nodes reads everything it can; only these are ever looked at.
_NODE_COLLECTORS = ("cpu", "meminfo", "pressure", "loadavg", "diskstats", "netdev", "stat", "vmstat", "filesystem")


def list_monitoring(
    topology: Topology, layout: Layout, credentials: Credentials, programs: Mapping[str, str]
) -> tuple[Part, ...]:
    """What watches the others."""
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
             # For snapshots, which are kept with a run.
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
            # Of memory's file systems, the one that the stack's data may lie in is looked at too.
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
        # As whoever started the stack: it counts other users' open files.
        Part(
            "collectors", "monitoring",
            python(layout, "collectors", "-m", "compose.exporters", f"{layout.folder('collectors')}/collectors.json"),
            niceness=nice,
        ),
    )  # fmt: skip


def niceness(topology: Topology) -> int:
    """How far these stand back: in front of what they watch where they seldom ask it.

    With hundreds of processes on full cores a scrape at the end of the queue is never done, and a run that nobody saw
    proves nothing. Each second, where a scrape would hold up requests sixty times a minute, it is last.
    """
    return BACKGROUND if topology.scrape_interval_s <= OFTEN_S else MEASURING


def _data_sources(topology: Topology, credentials: Credentials) -> list[str]:
    servers = topology.database_servers
    urls = (
        postgres_url(MONITOR, credentials.monitor, topology.ports[name], host=topology.host(name)) for name in servers
    )
    return [f"{url}?sslmode=disable&connect_timeout=1" for url in urls]
