"""What Prometheus scrapes, and as which job and instance."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from compose.alertmanager.configuration import alerting
from compose.parts.service import worker_part
from compose.topology import APP, Topology

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
        *(collected("postgres", name, "pg") for name in (*topology.primary_instances, *topology.replica_instances)),
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


def prometheus_configuration(
    topology: Topology, jobs: tuple[ScrapeJob, ...], rules: Path | None
) -> Mapping[str, object]:
    """prometheus.yml as data; `rules` is the file of alerts, if there is one."""
    interval = f"{topology.scrape_interval_s}s"
    relabelling = {"postgres": _servers_by_name(topology)}
    return {
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": "5s"},
        "rule_files": [str(rules)] if rules else [],
        "alerting": alerting(topology),
        "scrape_configs": [
            *(
                _scrape_configuration(name, topology, jobs, relabelling.get(name, []))
                for name in dict.fromkeys(j.job for j in jobs)
            ),
            *(_found_by_name(topology) if topology.in_containers else ()),
        ],
    }


def _scrape_configuration(
    name: str, topology: Topology, jobs: tuple[ScrapeJob, ...], relabelling: list[Mapping[str, object]]
) -> Mapping[str, object]:
    addresses = {port: topology.address(part) for part, port in topology.ports.items()}
    return {
        "job_name": name,
        "static_configs": [
            {
                "targets": [addresses[job.port]],
                "labels": {
                    "instance": job.instance,
                    "__metrics_path__": job.path,
                    **{f"__param_{parameter}": value for parameter, value in job.parameters.items()},
                },
            }
            for job in jobs
            if job.job == name
        ],
        "metric_relabel_configs": [
            # What the exporters tell of their own runtime would be half of all series.
            {"source_labels": ["__name__"], "regex": "(go|promhttp)_.*", "action": "drop"},
            *relabelling,
        ],
    }


def _found_by_name(topology: Topology) -> list[Mapping[str, object]]:
    """The service's containers, as many as a name has addresses; each serves its own metrics."""
    found = {"app": [APP], "worker": [worker_part(queue) for queue in topology.workers]}
    return [
        {
            "job_name": job,
            "dns_sd_configs": [{"names": names, "type": "A", "port": INSTANCE_PORT, "refresh_interval": "5s"}],
        }
        for job, names in found.items()
    ]


def _servers_by_name(topology: Topology) -> list[Mapping[str, object]]:
    """The exporter knows PostgreSQL's servers by their addresses; whether any of them is up is no news."""
    return [
        {"source_labels": ["__name__", "instance"], "regex": "pg_up;postgres", "action": "drop"},
        *(
            {"source_labels": ["server"], "regex": topology.address(name), "target_label": "instance",
             "replacement": name}
            for name in (*topology.primary_instances, *topology.replica_instances)
        ),
        {"regex": "server", "action": "labeldrop"},
    ]  # fmt: skip
