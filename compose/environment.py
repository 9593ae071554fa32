"""The environment through which the service learns where everything is."""

from compose.bugsink import part
from compose.credentials import BUCKET, REGION, Credentials
from compose.fakes import part as fakes
from compose.layout import Layout
from compose.postgres import shard_map
from compose.topology import Topology

# Entries that a hash of the media map has on average; Redis keeps those compact (compose/redis/redis.conf).
MEDIA_MAP_BUCKET_ENTRIES = 1125
# haproxy and nginx each append an address to X-Forwarded-For.
PROXY_HOPS = 2
# Whose requests know no rate limits: load comes from this machine, or from the containers' own network.
LOOPBACK = "127.0.0.0/8"
PRIVATE = f"{LOOPBACK},10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"


def service_environment(topology: Topology, layout: Layout, credentials: Credentials) -> dict[str, str]:
    """What every service process is told, whichever instance it is (service/config.py reads it)."""
    store = f"http://{topology.address('store')}"
    return {
        "LIKESTORM_SHARDS": str(shard_map.path(layout)),
        "LIKESTORM_REDIS_URL": f"redis://:{credentials.redis}@{topology.address('redis')}/0",
        "LIKESTORM_MEMCACHED": ",".join(topology.address(name) for name in topology.memcached_instances),
        "LIKESTORM_MEDIA_MAP_BUCKETS": str(-(-topology.media_map_entries // MEDIA_MAP_BUCKET_ENTRIES)),
        "LIKESTORM_S3_ENDPOINT": store,
        "LIKESTORM_S3_PUBLIC_ENDPOINT": store,
        "LIKESTORM_S3_BUCKET": BUCKET,
        "LIKESTORM_S3_REGION": REGION,
        "LIKESTORM_S3_ACCESS_KEY": credentials.store_access,
        "LIKESTORM_S3_SECRET_KEY": credentials.store_secret,
        "LIKESTORM_CDN_URL": f"http://{topology.address('cdn')}",
        "LIKESTORM_DB_POOL_SIZE": str(topology.app_threads),
        "LIKESTORM_PROXY_HOPS": str(PROXY_HOPS),
        "LIKESTORM_LOADTEST_NETWORKS": PRIVATE if topology.in_containers else LOOPBACK,
        "LIKESTORM_SERVER_TIMING": "1",
        # Cheap on purpose: a benchmark of sign-ups should not be one of Argon2.
        "LIKESTORM_PASSWORD_MEMORY_KIB": "8192",
        "LIKESTORM_PASSWORD_TIME_COST": "1",
        **({"LIKESTORM_SENTRY_DSN": part.dsn(topology, credentials)} if topology.errors else {}),
        **fakes.service_settings(topology, layout),
    }
