"""What Prometheus scrapes, and as which job and instance."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from compose.credentials import HOST
from compose.topology import Topology

INTERVAL = "1s"


@dataclass(frozen=True)
class ScrapeJob:
    """One target of Prometheus.

    is_instrument: a scrape that fails is the instrument's own failure. Not so for the service's instances: their
    collector answers 503 when the instance is dead. (A dead store shows in redis_up and its like.)
    """

    job: str
    instance: str
    port: int
    path: str
    is_instrument: bool


def list_jobs(topology: Topology) -> tuple[ScrapeJob, ...]:
    """Every target; the instance is the name of the part, or of the kind where one target speaks for several."""
    ports = topology.ports

    def instrument(job: str, part: str, path: str = "/metrics") -> ScrapeJob:
        return ScrapeJob(job, job, ports[part], path, is_instrument=True)

    def instance(job: str, name: str) -> ScrapeJob:
        return ScrapeJob(job, name, ports["collectors"], f"/service/{name}", is_instrument=False)

    return (
        *(instance("app", name) for name in topology.app_instances),
        *(instance("worker", name) for name in topology.worker_instances),
        instrument("nginx", "exporter-nginx"),
        instrument("postgres", "exporter-postgres"),
        instrument("redis", "exporter-redis"),
        instrument("node", "exporter-node"),
        instrument("process", "exporter-process"),
        *(instrument(job, "collectors", f"/{job}") for job in ("pgbouncer", "memcached", "rq", "store")),
        instrument("prometheus", "prometheus"),
    )


def prometheus_configuration(topology: Topology, rules: Path | None) -> Mapping[str, object]:
    """prometheus.yml as data; `rules` is the file of alerts, if there is one."""
    jobs = list_jobs(topology)
    return {
        "global": {"scrape_interval": INTERVAL, "scrape_timeout": INTERVAL, "evaluation_interval": "5s"},
        "rule_files": [str(rules)] if rules else [],
        "scrape_configs": [_scrape_configuration(name, jobs) for name in dict.fromkeys(job.job for job in jobs)],
    }


def _scrape_configuration(name: str, jobs: tuple[ScrapeJob, ...]) -> Mapping[str, object]:
    return {
        "job_name": name,
        "static_configs": [
            {
                "targets": [f"{HOST}:{job.port}"],
                "labels": {"instance": job.instance, "__metrics_path__": job.path},
            }
            for job in jobs
            if job.job == name
        ],
        # What the exporters tell of their own runtime would be half of all series.
        "metric_relabel_configs": [
            {"source_labels": ["__name__"], "regex": "(go|promhttp)_.*", "action": "drop"},
        ],
    }
