"""The collectors' configuration for one stack."""

import msgspec

from compose import cdn
from compose.credentials import DATABASE, MONITOR, Credentials, postgres_url
from compose.exporters.configuration import CdnConfiguration, Configuration, SupervisorConfiguration
from compose.layout import Layout
from compose.parts import metrics_folder
from compose.parts.service import list_instances
from compose.parts.stores import redis_url, store_settings
from compose.topology import Topology


def list_files(topology: Topology, layout: Layout, credentials: Credentials) -> dict[str, str]:
    """collectors.json."""
    encoded = msgspec.json.encode(_configuration(topology, layout, credentials))
    return {"collectors.json": msgspec.json.format(encoded, indent=1).decode()}


def _configuration(topology: Topology, layout: Layout, credentials: Credentials) -> Configuration:
    inside = topology.in_containers

    def monitor_url(server: str, database: str) -> str:
        return postgres_url(MONITOR, credentials.monitor, topology.ports[server], database, topology.host(server))

    return Configuration(
        port=topology.ports["collectors"],
        stack=str(layout.state),
        instances={} if inside else {name: str(metrics_folder(layout, name)) for name in list_instances(topology)},
        pgbouncer=monitor_url("pgbouncer", "pgbouncer"),
        postgres={name: monitor_url(name, DATABASE) for name in topology.database_servers},
        memcached={name: topology.address(name) for name in topology.memcached_instances},
        nginx={name: _status_url(f"{name}-status", topology) for name in topology.nginx_instances},
        access_logs={name: str(layout.logs / f"{name}-access.log") for name in topology.nginx_instances},
        app_servers={} if inside else {topology.address(name): name for name in topology.app_instances},
        redis=redis_url(topology, credentials),
        store=store_settings(topology, credentials)["LIKESTORM_S3_ENDPOINT"],
        cdn=CdnConfiguration(
            _status_url("cdn-status", topology), str(cdn.edge_log(layout.logs)), str(cdn.origin_log(layout.logs))
        ),
        queues=list(topology.workers),
        supervisor=None if inside else _supervisor(topology, layout, credentials),
        interval_s=topology.scrape_interval_s,
        listen=topology.listen,
    )


def _status_url(part: str, topology: Topology) -> str:
    return f"http://{topology.address(part)}/stub_status"


def _supervisor(topology: Topology, layout: Layout, credentials: Credentials) -> SupervisorConfiguration:
    return SupervisorConfiguration(topology.ports["supervisor"], credentials.supervisor, str(layout.supervisor_pid))
