"""The files of Prometheus: what it scrapes and which rules it evaluates."""

from collections.abc import Mapping

import yaml

from compose.alertmanager.configuration import alerting
from compose.layout import CLONE, Layout
from compose.parts.service import worker_part
from compose.scraping import INSTANCE_PORT, ScrapeJob
from compose.topology import APP, Topology

RULES = CLONE / "alerts" / "generated" / "rules.yaml"


def list_files(topology: Topology, layout: Layout, jobs: tuple[ScrapeJob, ...]) -> dict[str, str]:
    """prometheus.yml, and the alerts' rules where they have been generated."""
    rules = {"rules.yaml": RULES.read_text()} if RULES.exists() else {}
    settings = describe(topology, jobs, [str(layout.folder("prometheus") / name) for name in rules])
    return {"prometheus.yml": yaml.safe_dump(dict(settings))} | rules


def describe(topology: Topology, jobs: tuple[ScrapeJob, ...], rules: list[str]) -> Mapping[str, object]:
    """prometheus.yml as data; `rules`: paths of files."""
    interval = f"{topology.scrape_interval_s}s"
    relabelling = {"postgres": _servers_by_name(topology)}
    scraped = [
        _scrape_configuration(name, topology, jobs, relabelling.get(name, []))
        for name in dict.fromkeys(job.job for job in jobs)
    ]
    return {
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": "5s"},
        "rule_files": rules,
        "alerting": alerting(topology),
        "scrape_configs": [*scraped, *(_discovered(topology) if topology.in_containers else ())],
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
            # Metrics of the exporters' own runtime would be half of all series.
            {"source_labels": ["__name__"], "regex": "(go|promhttp)_.*", "action": "drop"},
            *relabelling,
        ],
    }


def _discovered(topology: Topology) -> list[Mapping[str, object]]:
    """The service's containers, found by DNS; each serves its own metrics."""
    found = {"app": [APP], "worker": [worker_part(queue) for queue in topology.workers]}
    return [
        {
            "job_name": job,
            "dns_sd_configs": [{"names": names, "type": "A", "port": INSTANCE_PORT, "refresh_interval": "5s"}],
        }
        for job, names in found.items()
    ]


def _servers_by_name(topology: Topology) -> list[Mapping[str, object]]:
    """Replace the exporter's addresses of PostgreSQL's servers by their names, and drop its pg_up for all of them."""
    return [
        {"source_labels": ["__name__", "instance"], "regex": "pg_up;postgres", "action": "drop"},
        *(
            {"source_labels": ["server"], "regex": topology.address(name), "target_label": "instance",
             "replacement": name}
            for name in topology.database_servers
        ),
        {"regex": "server", "action": "labeldrop"},
    ]  # fmt: skip
