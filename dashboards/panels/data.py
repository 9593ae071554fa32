"""Data: PostgreSQL by server and role, PgBouncer, Redis, memcached, and the application's view of them."""

# fmt: off
from likestorm.panels.model import Dashboard, Panel, Row, named, p99, rate, share

OPERATIONS = 'job=~"app|worker"'
PG = 'job="postgres",datname="likestorm",instance=~"$instance"'
REDIS, MEMCACHED = 'job="redis"', 'job="memcached",instance=~"$instance"'
IS_REPLICA = 'on (instance) pg_replication_is_replica{job="postgres"}'

STORES = Panel(
    "store-p99", "Backing stores, p99",
    "For which backing store does the application wait? The line is the slowest hundredth of its operations.",
    p99("likestorm_store_operation_duration_seconds", OPERATIONS, "store"), "{{store}}", "s",
)
STORE_ERRORS = Panel(
    "store-errors", "Failed operations",
    "Which backing store refuses operations, or does not respond in time?",
    rate("likestorm_store_errors_total", OPERATIONS, "store"), "{{store}}", "ops", adds_up=True,
)
POOL_WAIT = Panel(
    "pool-wait-p99", "Wait for a database connection, p99",
    "Do requests wait for a connection of the application's own pool?",
    p99("likestorm_db_pool_wait_seconds", OPERATIONS, "instance"), "{{instance}}", "s",
)
COMMITS = Panel(
    "postgres-commits", "PostgreSQL commits",
    "How many transactions does each primary commit? A few per second are its own monitoring.",
    f"{rate('pg_stat_database_xact_commit', PG, 'instance')} and {IS_REPLICA} == 0",
    "{{instance}}", "suffix:commits/s", adds_up=True,
)
_WRITTEN = (rate(f"pg_stat_database_tup_{kind}", PG, "instance") for kind in ("inserted", "updated", "deleted"))
WRITES = Panel(
    "postgres-writes", "Rows written by primaries",
    "Is the load spread evenly over the shards?",
    f"({' + '.join(_WRITTEN)}) and {IS_REPLICA} == 0",
    "{{instance}}", "suffix:rows/s", adds_up=True,
)
REPLICA_READS = Panel(
    "postgres-replica-reads", "Rows read from replicas",
    "Do the reads that tolerate lag go to the replicas?",
    f"{rate('pg_stat_database_tup_fetched', PG, 'instance')} and {IS_REPLICA} == 1",
    "{{instance}}", "suffix:rows/s", adds_up=True,
)
LAG = Panel(
    "replication-lag", "Replication lag",
    "How old are the data of each replica? Replicas serve the reads that tolerate lag.",
    'max by (instance) (pg_replication_lag_seconds{job="postgres",instance=~"$instance"} and '
    'pg_replication_is_replica{job="postgres"} == 1)',
    "{{instance}}", "s",
)
BUFFER_HITS = Panel(
    "postgres-buffer-hits", "Shared buffers hit ratio",
    "Which share of the pages that PostgreSQL reads is already in its memory?",
    f"{rate('pg_stat_database_blks_hit', PG, 'instance')} / "
    f"({rate('pg_stat_database_blks_hit', PG, 'instance')} + {rate('pg_stat_database_blks_read', PG, 'instance')} > 0)",
    "{{instance}}", "percentunit",
)
BACKENDS = Panel(
    "postgres-backends", "PostgreSQL connections",
    "How many connections does each server hold? PgBouncer's pool size is the limit.",
    f"sum by (instance) (pg_stat_database_numbackends{{{PG}}})", "{{instance}}", "short",
)
LOCKS = Panel(
    "postgres-locks", "Longest transaction",
    "Does a transaction stay open, and keep its locks?",
    'max by (instance) (pg_stat_activity_max_tx_duration{job="postgres",datname="likestorm",instance=~"$instance"})',
    "{{instance}}", "s",
)
ROLLBACKS = Panel(
    "postgres-rollbacks", "Rollbacks and deadlocks",
    "How many transactions end without a commit?",
    named(
        "kind",
        rollbacks=rate("pg_stat_database_xact_rollback", PG), deadlocks=rate("pg_stat_database_deadlocks", PG),
    ),
    "{{kind}}", "suffix:/s",
)
POOL_WAITING = Panel(
    "pgbouncer-waiting", "PgBouncer: waiting clients",
    "Do clients wait for a server connection? If they do for long, the pool is too small or blocked.",
    'sum by (database) (pgbouncer_pools_client_waiting_connections{job="pgbouncer"})', "{{database}}", "short",
)
POOL_SERVERS = Panel(
    "pgbouncer-servers", "PgBouncer: server connections",
    "How much of the pool is in use?",
    named(
        "state",
        active='sum(pgbouncer_pools_server_active_connections{job="pgbouncer"})',
        idle='sum(pgbouncer_pools_server_idle_connections{job="pgbouncer"})',
    ),
    "{{state}}", "short",
)
POOL_WAITED = Panel(
    "pgbouncer-wait", "PgBouncer: wait time",
    "How many seconds per second do clients wait for a server connection, all clients together?",
    rate("pgbouncer_stats_client_wait_seconds_total", 'job="pgbouncer"', "database"), "{{database}}", "s",
)
REDIS_COMMANDS = Panel(
    "redis-commands", "Redis commands",
    "How many commands does Redis execute?",
    rate("redis_commands_processed_total", REDIS, "instance"), "commands", "ops",
)
REDIS_MEMORY = Panel(
    "redis-memory", "Redis memory",
    "How much memory do sessions, feeds, queues and the map of owners use?",
    'max by (instance) (redis_memory_used_bytes{job="redis"})', "used", "bytes",
)
REDIS_TIME = Panel(
    "redis-time", "Redis: time by command",
    "How many seconds per second does Redis spend on each command? It has one thread, so the sum is at most 1 s.",
    f"topk(6, {rate('redis_commands_duration_seconds_total', REDIS, 'cmd')})", "{{cmd}}", "s", adds_up=True,
)
CACHE = Panel(
    "cache-hit-ratio", "Cache hit ratio",
    "Which share of the lookups in memcached finds a value?",
    share("likestorm_cache_requests_total", OPERATIONS, 'result="hit"', "cache"), "{{cache}}", "percentunit",
)
MEMCACHED_COMMANDS = Panel(
    "memcached-commands", "memcached commands by server",
    "Does consistent hashing spread the keys evenly?",
    rate("memcached_commands_total", MEMCACHED, "instance"), "{{instance}}", "ops", adds_up=True,
)
EVICTIONS = Panel(
    "memcached-evictions", "memcached evictions",
    "Is the cache too small for the items in use?",
    rate("memcached_items_evicted_total", MEMCACHED, "instance"), "{{instance}}", "suffix:items/s",
)

DASHBOARD = Dashboard(
    "data", "Data", "PostgreSQL by server and role, PgBouncer, Redis and memcached.",
    (
        Row("As the application sees it", (STORES, STORE_ERRORS, POOL_WAIT)),
        Row("PostgreSQL", (COMMITS, WRITES, REPLICA_READS, LAG, BUFFER_HITS, BACKENDS, LOCKS, ROLLBACKS)),
        Row("PgBouncer", (POOL_WAITING, POOL_SERVERS, POOL_WAITED)),
        Row("Redis", (REDIS_COMMANDS, REDIS_MEMORY, REDIS_TIME)),
        Row("memcached", (CACHE, MEMCACHED_COMMANDS, EVICTIONS)),
    ),
    jobs="postgres|memcached",
)
