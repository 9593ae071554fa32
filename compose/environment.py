"""The variables that tell the service where everything is."""

from compose.bugsink import part
from compose.credentials import Credentials
from compose.fakes import part as fakes
from compose.layout import Layout
from compose.parts.stores import redis_url, store_settings
from compose.topology import Topology

# Entries that a hash of the media map has on average; Redis keeps those compact (compose/redis/redis.conf).
MEDIA_MAP_BUCKET_ENTRIES = 1125
# haproxy and nginx each append an address to X-Forwarded-For.
PROXY_HOPS = 2
# Requests from here have no rate limits: load comes from this machine, or from the containers' own network.
LOCAL_NETWORK = "127.0.0.0/8"
PRIVATE_NETWORKS = f"{LOCAL_NETWORK},10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"


def service_environment(topology: Topology, layout: Layout, credentials: Credentials) -> dict[str, str]:
    """The variables that every process of the service gets (service/config.py reads them)."""
    store = store_settings(topology, credentials)
    return {
        "LIKESTORM_SHARDS": str(layout.shards),
        "LIKESTORM_REDIS_URL": redis_url(topology, credentials),
        "LIKESTORM_MEMCACHED": ",".join(topology.address(name) for name in topology.memcached_instances),
        "LIKESTORM_MEDIA_MAP_BUCKETS": str(-(-topology.media_map_entries // MEDIA_MAP_BUCKET_ENTRIES)),
        **store,
        "LIKESTORM_S3_PUBLIC_ENDPOINT": store["LIKESTORM_S3_ENDPOINT"],
        "LIKESTORM_CDN_URL": f"http://{topology.address('cdn')}",
        "LIKESTORM_DB_POOL_SIZE": str(topology.app_threads),
        "LIKESTORM_PROXY_HOPS": str(PROXY_HOPS),
        "LIKESTORM_LOADTEST_NETWORKS": PRIVATE_NETWORKS if topology.in_containers else LOCAL_NETWORK,
        "LIKESTORM_SERVER_TIMING": "1",
        # Cheap on purpose: a benchmark of sign-ups must not measure Argon2.
        "LIKESTORM_PASSWORD_MEMORY_KIB": "8192",
        "LIKESTORM_PASSWORD_TIME_COST": "1",
        **({"LIKESTORM_SENTRY_DSN": part.dsn(topology, credentials)} if topology.errors else {}),
        **fakes.service_settings(topology, layout),
        **topology.settings,
    }
