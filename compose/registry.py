"""Everything that a stack consists of: its parts, their files and probes, and what Prometheus scrapes."""

from collections.abc import Mapping
from dataclasses import replace

from compose.alertmanager import configuration as alertmanager
from compose.bugsink import part
from compose.cdn import configuration as cdn
from compose.credentials import Credentials
from compose.environment import service_environment
from compose.exporters import part as exporters
from compose.fakes import part as fakes
from compose.haproxy import configuration as haproxy
from compose.layout import Layout
from compose.nginx import configuration as nginx
from compose.parts import Part, balancer
from compose.parts.monitoring import list_monitoring
from compose.parts.service import list_service
from compose.parts.stores import list_stores, store_settings
from compose.pgbouncer import configuration as pgbouncer
from compose.postgres import configuration as postgres
from compose.prometheus import configuration as prometheus
from compose.readiness import Probe, core_probes, http_probe
from compose.redis import configuration as redis
from compose.scraping import ScrapeJob, core_jobs
from compose.templates import HERE
from compose.topology import Topology


def list_parts(
    topology: Topology, layout: Layout, credentials: Credentials, programs: Mapping[str, str]
) -> tuple[Part, ...]:
    """All parts in the order in which they start; `programs` as binaries.locate() returns them."""
    return (
        *list_stores(topology, layout, credentials, programs),
        *fakes.list_parts(layout),
        *list_service(topology, layout, service_environment(topology, layout, credentials)),
        *balancer.list_balancer(topology, layout, credentials, programs),
        *((part.part(topology, layout, credentials),) if topology.errors else ()),
        *list_monitoring(topology, layout, credentials, programs),
    )


def list_files(topology: Topology, layout: Layout, credentials: Credentials) -> dict[str, dict[str, str]]:
    """Every part's configuration files, by part and name; UsageError when a file or variable of the caller is wrong."""
    return {
        **postgres.list_files(topology, credentials),
        "pgbouncer": pgbouncer.list_files(topology, layout, credentials),
        "redis": redis.list_files(topology, layout, credentials),
        **fakes.list_files(topology, layout),
        **{name: nginx.list_files(name, topology, layout) for name in topology.nginx_instances},
        "front": haproxy.list_files(topology, layout),
        "cdn": cdn.list_files(topology, layout, store_settings(topology, credentials)),
        "prometheus": prometheus.list_files(topology, layout, list_jobs(topology)),
        "alertmanager": {"alertmanager.yml": alertmanager.alertmanager_text()},
        "exporter-blackbox": {"blackbox.yml": (HERE / "blackbox" / "blackbox.yml").read_text()},
        "collectors": exporters.list_files(topology, layout, credentials),
    }


def list_probes(topology: Topology, credentials: Credentials) -> Mapping[str, Probe]:
    """One probe a part."""
    return {
        **core_probes(topology, credentials),
        **fakes.list_probes(topology),
        **balancer.balancer_probes(topology),
        **({part.NAME: http_probe(topology.ports[part.NAME], "/health/ready")} if topology.errors else {}),
    }


def list_jobs(topology: Topology) -> tuple[ScrapeJob, ...]:
    """Every target of Prometheus."""
    jobs = (
        *core_jobs(topology),
        *balancer.balancer_jobs(topology),
        *fakes.list_jobs(topology),
        *(
            ScrapeJob("blackbox", name, topology.ports["exporter-blackbox"], "/probe", True, parameters)
            for name, parameters in _addresses(topology).items()
        ),
    )
    return tuple(replace(job, interval_s=topology.scrape_interval_s) for job in jobs)


def _addresses(topology: Topology) -> Mapping[str, Mapping[str, str]]:
    """The public addresses that the blackbox exporter asks."""
    service = f"{haproxy.scheme()}://{topology.address('front')}/healthz"
    return {
        "front": {"module": "service", "target": service},
        "cdn": {"module": "cdn", "target": f"http://{topology.address('cdn')}/"},
    }
