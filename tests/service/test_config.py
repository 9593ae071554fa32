from ipaddress import ip_network
from pathlib import Path

import pytest

from service.config import Config, ConfigError, PushConfig

COMPLETE = {
    "LIKESTORM_SHARDS": "/etc/likestorm/shards.json",
    "LIKESTORM_REDIS_URL": "redis://redis/0",
    "LIKESTORM_MEMCACHED": "one:11211, two:11212",
    "LIKESTORM_S3_ENDPOINT": "http://store:9000/",
    "LIKESTORM_S3_ACCESS_KEY": "key",
    "LIKESTORM_S3_SECRET_KEY": "secret",
}


def test_defaults_fill_what_is_not_set() -> None:
    config = Config.from_env(COMPLETE)
    assert config.memcached == (("one", 11211), ("two", 11212))
    assert config.shards == Path("/etc/likestorm/shards.json")
    assert config.s3_public_endpoint == config.s3_endpoint == "http://store:9000"
    assert config.cdn_url == "http://store:9000/likestorm"
    assert (config.push, config.sentry_dsn, config.share_networks, config.loadtest_networks) == (None, None, {}, ())
    assert (config.metrics, config.server_timing) == (True, False)
    assert (config.s3_bucket, config.s3_region, config.db_pool_size) == ("likestorm", "us-east-1", 8)
    assert (config.session_ttl_s, config.upload_ttl_s, config.backend_timeout_s) == (86_400, 600, 2.0)
    assert (config.upload_max_bytes, config.password_memory_kib, config.password_time_cost) == (10_000_000, 19_456, 2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LIKESTORM_SHARDS", ""),
        ("LIKESTORM_PROXY_HOPS", "-1"),
        ("LIKESTORM_SHARE_NETWORKS", "alpha"),
        ("LIKESTORM_SHARE_NETWORKS", "alpha=ftp://x"),
        ("LIKESTORM_SHARE_NETWORKS", "al pha=http://x"),
        ("LIKESTORM_LOADTEST_NETWORKS", "127.0.0.1/8"),
        ("LIKESTORM_LOADTEST_NETWORKS", "everywhere"),
        ("LIKESTORM_SERVER_TIMING", "yes"),
        ("LIKESTORM_METRICS", "off"),
        ("LIKESTORM_MEMCACHED", "host"),
        ("LIKESTORM_MEMCACHED", "host:port"),
        ("LIKESTORM_MEMCACHED", "one:1,"),
        ("LIKESTORM_DB_POOL_SIZE", "0"),
        ("LIKESTORM_DB_POOL_SIZE", "8.5"),
        ("LIKESTORM_SESSION_TTL_S", "²"),
        ("LIKESTORM_BACKEND_TIMEOUT_S", "soon"),
        ("LIKESTORM_BACKEND_TIMEOUT_S", "nan"),
        ("LIKESTORM_BACKEND_TIMEOUT_S", "-1"),
    ],
)
def test_a_wrong_variable_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        Config.from_env(COMPLETE | {name: value})


def test_what_is_set_is_read() -> None:
    config = Config.from_env(
        COMPLETE
        | {
            "LIKESTORM_CDN_URL": "https://cdn.test/",
            "LIKESTORM_SHARE_NETWORKS": "alpha=http://one:1/a/, beta=https://two",
            "LIKESTORM_LOADTEST_NETWORKS": "10.0.0.0/8,::1/128",
            "LIKESTORM_PROXY_HOPS": "0",
            "LIKESTORM_SERVER_TIMING": "1",
            "LIKESTORM_PUSH_URL": "https://push:2197/",
            "LIKESTORM_PUSH_KEY": "/keys/push.pem",
            "LIKESTORM_PUSH_KEY_ID": "ABC",
            "LIKESTORM_PUSH_TEAM_ID": "DEF",
            "LIKESTORM_PUSH_TOPIC": "com.example.app",
        }
    )
    assert config.cdn_url == "https://cdn.test"
    assert config.share_networks == {"alpha": "http://one:1/a", "beta": "https://two"}
    assert config.loadtest_networks == (ip_network("10.0.0.0/8"), ip_network("::1/128"))
    assert config.proxy_hops == 0
    assert config.server_timing
    assert config.push == PushConfig(
        url="https://push:2197", key=Path("/keys/push.pem"), key_id="ABC", team_id="DEF", topic="com.example.app"
    )


def test_what_was_not_timed_cannot_be_told() -> None:
    assert not Config.from_env(COMPLETE | {"LIKESTORM_METRICS": "0"}).metrics
    with pytest.raises(ConfigError, match="LIKESTORM_SERVER_TIMING=1 needs LIKESTORM_METRICS=1"):
        Config.from_env(COMPLETE | {"LIKESTORM_METRICS": "0", "LIKESTORM_SERVER_TIMING": "1"})


@pytest.mark.parametrize("missing", ["KEY", "KEY_ID", "TEAM_ID", "TOPIC"])
def test_a_push_service_wants_all_its_settings(missing: str) -> None:
    push = {f"LIKESTORM_PUSH_{name}": "x" for name in ("URL", "KEY", "KEY_ID", "TEAM_ID", "TOPIC") if name != missing}
    with pytest.raises(ConfigError, match=f"LIKESTORM_PUSH_{missing} is not set"):
        Config.from_env(COMPLETE | push)
