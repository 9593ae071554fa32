"""What Prometheus scrapes, and as which job and instance."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from compose.parts.service import worker_part
from compose.topology import Topology

# In containers, where each instance of the service serves its metrics.
INSTANCE_PORT = 9000


@dataclass(frozen=True)
class ScrapeJob:
    """One target of Prometheus.

    is_instrument: a scrape that fails is the instrument's own failure. Not so for the service's instances: their
    collector answers 503 when the instance is dead. (A dead store shows in redis_up and its like.)
    parameters: of the request, after the path. interval_s: how often the topology wants it scraped.
    """

    job: str
    instance: str
    port: int
    path: str
    is_instrument: bool
    parameters: Mapping[str, str] = field(default_factory=dict)
    interval_s: int = 1


def core_jobs(topology: Topology) -> tuple[ScrapeJob, ...]:
    """The targets of this folder's own parts; the instance is the name of the part, or of the kind where one target
    speaks for several.
    """
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
    """What there is only where all are processes of this machine: the service's instances, what each part takes."""
    port = topology.ports["collectors"]
    named = [*(("app", name) for name in topology.app_instances)]
    named += [("worker", worker_part(queue)) for queue in topology.workers]
    return (
        *(ScrapeJob(job, name, port, f"/service/{name}", is_instrument=False) for job, name in named),
        ScrapeJob("process", "process", port, "/process", is_instrument=True),
        # Answers only while a load test is on; whether the generator keeps up is judged by its own account.
        ScrapeJob("generator", "generator", topology.ports["generator"], "/metrics", is_instrument=False),
    )
