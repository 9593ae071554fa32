from dataclasses import replace
from pathlib import Path

from compose.credentials import Credentials
from compose.environment import service_environment
from compose.layout import Layout
from compose.topology import named
from service.config import Config
from service.stores.media_map import buckets_for

LAYOUT = Layout(Path("/state"), Path("/state/run"), None)


def test_the_service_understands_what_it_is_told() -> None:
    config = Config.from_env(service_environment(named("small", 8400), LAYOUT, Credentials(redis="rpw")))
    assert config.shards == Path("/state/run/shards.json")
    assert config.redis_url == "redis://:rpw@127.0.0.1:8406/0"
    assert config.memcached == (("127.0.0.1", 8440), ("127.0.0.1", 8441))
    assert config.s3_public_endpoint == "http://127.0.0.1:8408"
    assert config.cdn_url == "http://127.0.0.1:8405"
    assert config.media_map_buckets == buckets_for(1_000_000)
    assert config.share_networks.keys() == {"alpha", "beta"}
    assert config.push is not None
    assert config.push.url == "https://127.0.0.1:8417"
    assert config.sentry_dsn is None
    assert config.server_timing


def test_errors_are_sent_where_there_is_a_tracker() -> None:
    topology = replace(named("small", 8400), errors=True)
    config = Config.from_env(service_environment(topology, LAYOUT, Credentials(tracker_key="key")))
    assert config.sentry_dsn == "http://key@127.0.0.1:8419/1"


def test_settings_of_a_topology_replace_the_stacks_own() -> None:
    settings = {"LIKESTORM_METRICS": "0", "LIKESTORM_SERVER_TIMING": "0"}
    topology = replace(named("small", 8400), settings=settings)
    config = Config.from_env(service_environment(topology, LAYOUT, Credentials()))
    assert (config.metrics, config.server_timing) == (False, False)
