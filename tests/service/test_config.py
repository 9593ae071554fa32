import pytest

from service.config import Config, ConfigError

COMPLETE = {
    "LIKESTORM_DATABASE_URL": "postgresql://likestorm@db/likestorm",
    "LIKESTORM_REDIS_URL": "redis://redis/0",
    "LIKESTORM_MEMCACHED": "one:11211, two:11212",
    "LIKESTORM_S3_ENDPOINT": "http://store:9000/",
    "LIKESTORM_S3_ACCESS_KEY": "key",
    "LIKESTORM_S3_SECRET_KEY": "secret",
}


def test_defaults_fill_what_is_not_set() -> None:
    config = Config.from_env(COMPLETE)
    assert config.memcached == (("one", 11211), ("two", 11212))
    assert config.s3_public_endpoint == config.s3_endpoint == "http://store:9000"
    assert (config.s3_bucket, config.s3_region, config.db_pool_size) == ("likestorm", "us-east-1", 8)
    assert (config.session_ttl_s, config.upload_ttl_s, config.backend_timeout_s) == (86_400, 600, 2.0)
    assert (config.upload_max_bytes, config.password_memory_kib, config.password_time_cost) == (10_000_000, 19_456, 2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LIKESTORM_DATABASE_URL", ""),
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
