from pathlib import Path
from typing import Any, cast

from compose.scraping import list_jobs, prometheus_configuration
from compose.topology import named


def test_each_service_instance_is_the_target_s_and_everything_else_the_instrument_s() -> None:
    jobs = {(job.job, job.instance): job.is_instrument for job in list_jobs(named("small"))}
    services = [
        ("app", "app-1"),
        ("app", "app-2"),
        ("worker", "worker-thumbnails-1"),
        ("worker", "worker-thumbnails-2"),
    ]
    instruments = [
        "nginx",
        "postgres",
        "redis",
        "node",
        "process",
        "pgbouncer",
        "memcached",
        "rq",
        "store",
        "prometheus",
    ]
    assert jobs == dict.fromkeys(services, False) | {(name, name): True for name in instruments}


def test_the_configuration_scrapes_every_second_what_the_jobs_say() -> None:
    configuration = cast(dict[str, Any], prometheus_configuration(named("small", 8400), Path("/x/rules.yaml")))
    assert configuration["global"]["scrape_interval"] == "1s"
    assert configuration["rule_files"] == ["/x/rules.yaml"]
    app = next(entry for entry in configuration["scrape_configs"] if entry["job_name"] == "app")
    assert app["static_configs"] == [
        {"targets": ["127.0.0.1:8409"], "labels": {"instance": name, "__metrics_path__": f"/service/{name}"}}
        for name in ("app-1", "app-2")
    ]
