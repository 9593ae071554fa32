"""The targets of Prometheus, with their jobs and instances."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from compose.parts.service import worker_part
from compose.topology import Topology

# In containers, where each instance of the service serves its metrics.
INSTANCE_PORT = 9000


@dataclass(frozen=True)
class ScrapeJob:
    """One target of Prometheus.

    is_instrument: a failed scrape is a failure of the monitoring. A dead instance of the service fails its scrape too
    (its collector answers 503); a dead store shows in metrics such as redis_up. parameters: of the URL's query.
    """

    job: str
    instance: str
    port: int
    path: str
    is_instrument: bool
    parameters: Mapping[str, str] = field(default_factory=dict)
    interval_s: int = 1


def core_jobs(topology: Topology) -> tuple[ScrapeJob, ...]:
    """The targets of the stores, the service and the monitoring; the instance is the part's name, or its kind's."""
    ports = topology.ports

    def instrument(job: str, part: str, path: str = "/metrics") -> ScrapeJob:
        return ScrapeJob(job, job, ports[part], path, is_instrument=True)

    def collected(job: str, name: str, folder: str | None = None) -> ScrapeJob:
        return ScrapeJob(job, name, ports["collectors"], f"/{folder or job}/{name}", is_instrument=True)

    return (
        *(() if topology.in_containers else _instances(topology)),
        *(collected("nginx", name) for name in topology.nginx_instances),
        *(collected("memcached", name) for name in topology.memcached_instances),
        *(collected("postgres", name, "pg") for name in topology.database_servers),
        instrument("postgres", "exporter-postgres"),
        instrument("redis", "exporter-redis"),
        instrument("node", "exporter-node"),
        *(instrument(job, "collectors", f"/{job}") for job in ("pgbouncer", "rq", "store")),
        instrument("prometheus", "prometheus"),
        instrument("alertmanager", "alertmanager"),
    )


def _instances(topology: Topology) -> tuple[ScrapeJob, ...]:
    """Targets of local processes only: the service's instances, the parts' processes, the load generator."""
    port = topology.ports["collectors"]
    named = [*(("app", name) for name in topology.app_instances)]
    named += [("worker", worker_part(queue)) for queue in topology.workers]
    return (
        *(ScrapeJob(job, name, port, f"/service/{name}", is_instrument=False) for job, name in named),
        ScrapeJob("process", "process", port, "/process", is_instrument=True),
        # Up only during a load test, whose validity checks judge the generator.
        ScrapeJob("generator", "generator", topology.ports["generator"], "/metrics", is_instrument=False),
    )
