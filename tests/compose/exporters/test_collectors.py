"""The collectors against real servers of the whole stack."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.error import URLError

import psycopg
import pytest
from prometheus_client.core import Metric
from pymemcache.client.base import Client
from redis import Redis

from compose.exporters.configuration import load
from compose.exporters.memcached import Memcached
from compose.exporters.nginx import Nginx
from compose.exporters.pgbouncer import PgBouncer
from compose.exporters.rq import Queues
from compose.exporters.store import Store
from compose.local import Target
from compose.postgres import shard_map

pytestmark = pytest.mark.e2e


def read(source: Any) -> dict[tuple[str, ...], float]:
    metrics: list[Metric] = list(source())
    return {(sample.name, *sample.labels.values()): sample.value for metric in metrics for sample in metric.samples}


def test_memcached_commands_are_counted_by_outcome(stack: Target) -> None:
    address = stack.environment["LIKESTORM_MEMCACHED"].split(",")[0]
    with closing(Memcached(address)) as collector, closing(Client(address, default_noreply=False)) as client:
        before = read(collector)
        client.set("likestorm-test", "1")
        client.get("likestorm-test")
        client.get("likestorm-test")
        client.get("likestorm-test-absent")
        client.delete("likestorm-test")
        after = read(collector)
    grown = {name[1:]: after[name] - before[name] for name in after if name[0] == "memcached_commands_total"}
    wanted = {("set", "hit"): 1, ("get", "hit"): 2, ("get", "miss"): 1, ("delete", "hit"): 1}
    assert {name: count for name, count in grown.items() if name in wanted} == wanted
    assert after["memcached_limit_bytes",] == 64 * 1024 * 1024


def test_pgbouncer_queries_are_counted_and_its_connections_are_shown(stack: Target) -> None:
    url = shard_map.read(Path(stack.environment["LIKESTORM_SHARDS"])).servers["postgres-1"].primary
    count = ("pgbouncer_stats_queries_pooled_total", "postgres-1")
    with closing(PgBouncer(console_url(stack))) as collector:
        before = read(collector)[count]
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
            for _ in range(5):
                connection.execute("SELECT 1")
            after = read(collector)
    assert after[count] - before >= 5
    assert after["pgbouncer_pools_client_waiting_connections", "postgres-1", "likestorm"] == 0
    assert after["pgbouncer_pools_client_active_connections", "postgres-1", "likestorm"] >= 1
    assert not any("pgbouncer" in name[1:] for name in after)


def test_pgbouncer_is_asked_again_over_a_new_connection(stack: Target) -> None:
    with closing(PgBouncer(console_url(stack))) as collector:
        first = read(collector)
        collector.close()
        assert read(collector).keys() == first.keys()


def console_url(stack: Target) -> str:
    return load(stack.run_dir / "collectors" / "collectors.json").pgbouncer


def test_jobs_are_counted_by_state_and_the_oldest_has_an_age(stack: Target) -> None:
    url = stack.environment["LIKESTORM_REDIS_URL"]
    redis: Redis = Redis.from_url(url)
    enqueued = datetime.now(UTC) - timedelta(seconds=30)
    redis.rpush("rq:queue:nobody-works-here", "job-1", "job-2")
    redis.hset("rq:job:job-1", "enqueued_at", enqueued.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
    redis.zadd("rq:failed:nobody-works-here", {"job-0": 1})
    try:
        seen = read(Queues(url, ["nobody-works-here", "empty"]))
    finally:
        redis.delete("rq:queue:nobody-works-here", "rq:job:job-1", "rq:failed:nobody-works-here")
        redis.close()
    assert seen["rq_jobs", "nobody-works-here", "queued"] == 2
    assert seen["rq_jobs", "nobody-works-here", "failed"] == 1
    assert seen["rq_queue_oldest_job_age_seconds", "nobody-works-here"] == pytest.approx(30, abs=5)
    assert seen["rq_queue_oldest_job_age_seconds", "empty"] == 0


def test_workers_are_counted_by_state(stack: Target) -> None:
    seen = read(Queues(stack.environment["LIKESTORM_REDIS_URL"], ["thumbnails"]))
    assert sum(value for name, value in seen.items() if name[0] == "rq_workers") >= stack.topology.workers["thumbnails"]


def test_nginx_counts_its_requests(stack: Target) -> None:
    collector = Nginx(load(stack.run_dir / "collectors" / "collectors.json").nginx["nginx-1"])
    before = read(collector)["nginx_http_requests_total",]
    connection = HTTPConnection("127.0.0.1", stack.topology.ports["nginx-1"], timeout=30)
    try:
        for _ in range(3):
            connection.request("GET", "/healthz")
            connection.getresponse().read()
        after = read(collector)
    finally:
        connection.close()
    assert after["nginx_http_requests_total",] - before >= 3
    assert after["nginx_connections_active",] >= 1
    assert after["nginx_connections_accepted_total",] >= after["nginx_connections_active",]


def test_a_page_that_is_not_nginx_s_counters_is_an_error(stack: Target) -> None:
    with pytest.raises(ValueError, match="no counters"):
        read(Nginx(f"{stack.url}/healthz"))


def test_the_store_s_answer_is_timed(stack: Target) -> None:
    assert 0 < read(Store(stack.store_url))["store_probe_duration_seconds",] < 1


def test_a_store_that_is_not_there_is_an_error(stack: Target) -> None:
    with pytest.raises(URLError):
        read(Store("http://127.0.0.1:1"))
