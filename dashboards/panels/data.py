"""Data: PostgreSQL by server and role, PgBouncer, Redis, memcached, and how the application sees them."""

from likestorm.panels.model import Dashboard, Panel, Row, named, p99, share

PG = 'job="postgres",datname="likestorm",instance=~"$instance"'
IS_REPLICA = 'on (instance) pg_replication_is_replica{job="postgres"}'

STORES = Panel(
    "store-p99", "Backing stores, p99",
    "Which backing store does the application wait for? The slowest hundredth of the operations on each.",
    p99("likestorm_store_operation_duration_seconds", 'job=~"app|worker"', "store"), "{{store}}", "s",
)  # fmt: skip
STORE_ERRORS = Panel(
    "store-errors", "Failed operations",
    "Which backing store refuses, or does not answer in time?",
    'sum by (store) (rate(likestorm_store_errors_total{job=~"app|worker"}[$window]))', "{{store}}", "ops",
    adds_up=True,
)  # fmt: skip
POOL_WAIT = Panel(
    "pool-wait-p99", "Wait for a database connection, p99",
    "Do requests queue for a connection of the application's own pool?",
    p99("likestorm_db_pool_wait_seconds", 'job=~"app|worker"', "instance"), "{{instance}}", "s",
)  # fmt: skip
COMMITS = Panel(
    "postgres-commits", "PostgreSQL commits",
    "How many transactions does each primary commit? Its own monitoring is a few a second of them.",
    f"sum by (instance) (rate(pg_stat_database_xact_commit{{{PG}}}[$window])) and {IS_REPLICA} == 0",
    "{{instance}}", "suffix:commits/s", adds_up=True,
)  # fmt: skip
WRITES = Panel(
    "postgres-writes", "Rows written by primaries",
    "Is the load spread evenly over the shards?",
    f"sum by (instance) (rate(pg_stat_database_tup_inserted{{{PG}}}[$window])"
    f" + rate(pg_stat_database_tup_updated{{{PG}}}[$window]) + rate(pg_stat_database_tup_deleted{{{PG}}}[$window]))"
    f" and {IS_REPLICA} == 0",
    "{{instance}}", "suffix:rows/s", adds_up=True,
)  # fmt: skip
REPLICA_READS = Panel(
    "postgres-replica-reads", "Rows read from replicas",
    "Do reads that may lag go to the replicas?",
    f"sum by (instance) (rate(pg_stat_database_tup_fetched{{{PG}}}[$window])) and {IS_REPLICA} == 1",
    "{{instance}}", "suffix:rows/s", adds_up=True,
)  # fmt: skip
LAG = Panel(
    "replication-lag", "Replication lag",
    "How old is what each replica shows? Reads that may lag are served from there.",
    'max by (instance) (pg_replication_lag_seconds{job="postgres",instance=~"$instance"} and '
    'pg_replication_is_replica{job="postgres"} == 1)',
    "{{instance}}", "s",
)  # fmt: skip
BUFFER_HITS = Panel(
    "postgres-buffer-hits", "Found in shared buffers",
    "Which share of the pages that PostgreSQL reads is in its memory already?",
    f"sum by (instance) (rate(pg_stat_database_blks_hit{{{PG}}}[$window])) / (sum by (instance) "
    f"(rate(pg_stat_database_blks_hit{{{PG}}}[$window]) + rate(pg_stat_database_blks_read{{{PG}}}[$window])) > 0)",
    "{{instance}}", "percentunit",
)  # fmt: skip
BACKENDS = Panel(
    "postgres-backends", "PostgreSQL connections",
    "How many connections does each server hold? PgBouncer's pool is the ceiling.",
    f"sum by (instance) (pg_stat_database_numbackends{{{PG}}})", "{{instance}}", "short",
)  # fmt: skip
LOCKS = Panel(
    "postgres-locks", "Longest transaction",
    "Does anybody hold on to a transaction, and with it to locks?",
    'max by (instance) (pg_stat_activity_max_tx_duration{job="postgres",datname="likestorm",instance=~"$instance"})',
    "{{instance}}", "s",
)  # fmt: skip
ROLLBACKS = Panel(
    "postgres-rollbacks", "Rollbacks and deadlocks",
    "What do PostgreSQL's transactions end with, other than a commit?",
    named(
        "kind",
        rollbacks=f"sum(rate(pg_stat_database_xact_rollback{{{PG}}}[$window]))",
        deadlocks=f"sum(rate(pg_stat_database_deadlocks{{{PG}}}[$window]))",
    ),
    "{{kind}}", "suffix:/s",
)  # fmt: skip
POOL_WAITING = Panel(
    "pgbouncer-waiting", "PgBouncer: waiting clients",
    "Do connections queue for PostgreSQL? Above zero for long means that the server's pool is small or blocked.",
    'sum by (database) (pgbouncer_pools_client_waiting_connections{job="pgbouncer"})', "{{database}}", "short",
)  # fmt: skip
POOL_SERVERS = Panel(
    "pgbouncer-servers", "PgBouncer: server connections",
    "How much of the pool is in use?",
    named(
        "state",
        active='sum(pgbouncer_pools_server_active_connections{job="pgbouncer"})',
        idle='sum(pgbouncer_pools_server_idle_connections{job="pgbouncer"})',
    ),
    "{{state}}", "short",
)  # fmt: skip
POOL_WAITED = Panel(
    "pgbouncer-wait", "PgBouncer: time spent waiting",
    "For how many seconds of each second does somebody wait for a server connection?",
    'sum by (database) (rate(pgbouncer_stats_client_wait_seconds_total{job="pgbouncer"}[$window]))',
    "{{database}}", "s",
)  # fmt: skip
REDIS_COMMANDS = Panel(
    "redis-commands", "Redis commands",
    "How many commands does Redis run?",
    'sum by (instance) (rate(redis_commands_processed_total{job="redis"}[$window]))', "commands", "ops",
)  # fmt: skip
REDIS_MEMORY = Panel(
    "redis-memory", "Redis memory",
    "How much do sessions, feeds, queues and the map of owners take?",
    'max by (instance) (redis_memory_used_bytes{job="redis"})', "used", "bytes",
)  # fmt: skip
REDIS_TIME = Panel(
    "redis-time", "Redis: time by command",
    "For how many seconds of each second does Redis work on each command? It has one thread: all of them share 1 s.",
    'topk(6, sum by (cmd) (rate(redis_commands_duration_seconds_total{job="redis"}[$window])))', "{{cmd}}", "s",
    adds_up=True,
)  # fmt: skip
CACHE = Panel(
    "cache-hit-ratio", "Cache hit ratio",
    "Which share of the look-ups in memcached finds something?",
    share(
        'likestorm_cache_requests_total{job=~"app|worker",result="hit"}',
        'likestorm_cache_requests_total{job=~"app|worker"}', "cache",
    ),
    "{{cache}}", "percentunit",
)  # fmt: skip
MEMCACHED_COMMANDS = Panel(
    "memcached-commands", "memcached commands by server",
    "Does consistent hashing spread the keys?",
    'sum by (instance) (rate(memcached_commands_total{job="memcached",instance=~"$instance"}[$window]))',
    "{{instance}}", "ops", adds_up=True,
)  # fmt: skip
EVICTIONS = Panel(
    "memcached-evictions", "memcached: thrown out to make room",
    "Is the cache too small for what is in use?",
    'sum by (instance) (rate(memcached_items_evicted_total{job="memcached",instance=~"$instance"}[$window]))',
    "{{instance}}", "suffix:items/s",
)  # fmt: skip

DASHBOARD = Dashboard(
    "data", "Data", "PostgreSQL by server and role, PgBouncer, Redis and memcached.",
    (
        Row("As the application sees it", (STORES, STORE_ERRORS, POOL_WAIT)),
        Row("PostgreSQL", (
            COMMITS, WRITES, REPLICA_READS, LAG, BUFFER_HITS, BACKENDS, LOCKS, ROLLBACKS,
        )),
        Row("PgBouncer", (POOL_WAITING, POOL_SERVERS, POOL_WAITED)),
        Row("Redis", (REDIS_COMMANDS, REDIS_MEMORY, REDIS_TIME)),
        Row("memcached", (CACHE, MEMCACHED_COMMANDS, EVICTIONS)),
    ),
    jobs="postgres|memcached",
)  # fmt: skip
