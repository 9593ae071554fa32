"""Everything that a stack consists of: its parts, their probes and what Prometheus scrapes."""

from collections.abc import Mapping
from dataclasses import replace

from compose.bugsink import part
from compose.credentials import Credentials
from compose.environment import service_environment
from compose.fakes import part as fakes
from compose.layout import Layout
from compose.parts import Part, balancer
from compose.parts.monitoring import list_monitoring
from compose.parts.service import list_service
from compose.parts.stores import list_stores
from compose.readiness import Probe, core_probes, http_probe
from compose.scraping import ScrapeJob, core_jobs
from compose.topology import Topology


def list_parts(
    topology: Topology, layout: Layout, credentials: Credentials, programs: Mapping[str, str]
) -> tuple[Part, ...]:
    """All parts in the order in which they start; `programs` as binaries.locate() gives them."""
    return (
        *list_stores(topology, layout, credentials, programs),
        *fakes.list_parts(layout),
        *list_service(topology, layout, service_environment(topology, layout, credentials)),
        *balancer.list_front_parts(topology, layout, credentials, programs),
        *((part.part(topology, layout, credentials),) if topology.errors else ()),
        *list_monitoring(topology, layout, credentials, programs),
    )


def list_probes(topology: Topology, credentials: Credentials) -> Mapping[str, Probe]:
    """One probe a part."""
    return {
        **core_probes(topology, credentials),
        **fakes.list_probes(topology),
        **balancer.front_probes(topology),
        **({part.NAME: http_probe(topology.ports[part.NAME], "/health/ready")} if topology.errors else {}),
    }


def list_jobs(topology: Topology) -> tuple[ScrapeJob, ...]:
    """Every target of Prometheus."""
    jobs = (
        *core_jobs(topology),
        *balancer.front_jobs(topology),
        *fakes.list_jobs(topology),
        *(
            ScrapeJob("blackbox", name, topology.ports["exporter-blackbox"], "/probe", True, parameters)
            for name, parameters in _addresses(topology).items()
        ),
    )
    return tuple(replace(job, interval_s=topology.scrape_interval_s) for job in jobs)


def _addresses(topology: Topology) -> Mapping[str, Mapping[str, str]]:
    """What the blackbox exporter asks: the public addresses, as clients know them."""
    service = f"{balancer.scheme()}://{topology.address('front')}/healthz"
    return {
        "front": {"module": "service", "target": service},
        "cdn": {"module": "cdn", "target": f"http://{topology.address('cdn')}/"},
    }
