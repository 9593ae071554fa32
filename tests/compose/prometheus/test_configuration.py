from typing import Any, cast

from compose.parts import BACKGROUND, MEASURING, SERVING, monitoring
from compose.prometheus.configuration import describe
from compose.registry import list_jobs
from compose.topology import named


def configuration(name: str) -> dict[str, Any]:
    topology = named(name, 8400)
    return cast(dict[str, Any], describe(topology, list_jobs(topology), ["/x/rules.yaml"]))


def test_each_service_instance_is_the_target_s_and_everything_else_the_instrument_s() -> None:
    jobs = {(job.job, job.instance): job.is_instrument for job in list_jobs(named("small"))}
    services = {
        ("app", "app-1"), ("app", "app-2"),
        ("worker", "worker-push"), ("worker", "worker-fanout"),
        ("worker", "worker-thumbnails"), ("worker", "worker-share"),
    }  # fmt: skip
    assert {job for job, is_instrument in jobs.items() if not is_instrument} == services | {("generator", "generator")}
    assert {instance for job, instance in jobs if job == "postgres"} == {
        "postgres", "postgres-1", "postgres-1-replica", "postgres-2", "postgres-2-replica",
    }  # fmt: skip
    assert {instance for job, instance in jobs if job == "memcached"} == {"memcached-1", "memcached-2"}
    assert {job for job, _ in jobs} == {
        "app", "worker", "nginx", "haproxy", "cdn", "postgres", "pgbouncer", "redis", "memcached", "rq", "store",
        "fakes", "blackbox", "node", "process", "prometheus", "alertmanager", "generator",
    }  # fmt: skip


def test_monitoring_comes_first_where_it_seldom_asks_and_last_where_it_often_does() -> None:
    assert monitoring.niceness(named("2011")) == MEASURING < SERVING
    assert monitoring.niceness(named("small")) == BACKGROUND > SERVING


def test_the_configuration_scrapes_what_the_jobs_say() -> None:
    found = configuration("small")
    assert found["rule_files"] == ["/x/rules.yaml"]
    app = next(entry for entry in found["scrape_configs"] if entry["job_name"] == "app")
    assert app["static_configs"] == [
        {"targets": ["127.0.0.1:8409"], "labels": {"instance": name, "__metrics_path__": f"/service/{name}"}}
        for name in ("app-1", "app-2")
    ]


def test_the_interval_is_the_topology_s_and_no_scrape_takes_longer() -> None:
    for name, interval in (("small", "1s"), ("2011", "5s")):
        assert configuration(name)["global"]["scrape_interval"] == interval
        assert configuration(name)["global"]["scrape_timeout"] == interval


def test_the_public_addresses_are_asked_from_outside() -> None:
    blackbox = next(entry for entry in configuration("small")["scrape_configs"] if entry["job_name"] == "blackbox")
    assert blackbox["static_configs"][0] == {
        "targets": ["127.0.0.1:8415"],
        "labels": {
            "instance": "front", "__metrics_path__": "/probe",
            "__param_module": "service", "__param_target": "http://127.0.0.1:8400/healthz",
        },
    }  # fmt: skip
