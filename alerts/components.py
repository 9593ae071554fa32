"""Parts of the stack that do not answer: XDown where none of a kind answers, XInstanceUnreachable for a single one.

A part does not answer when its own metric (such as redis_up) is 0, or when Prometheus has no target of its kind. An
exporter that does not answer says nothing about its part, and has an alert of its own. The load generator's target has
no alert, because it exists only during a run. An alert waits for a minute, so that a restart by supervisord does not
page.
"""

from alerts.model import Alert, label

# fmt: off
_PAUSE = "1m"
# The collector process reports dead app and worker instances; without its answer, all of them seem to be dead.
_COLLECTOR_ANSWERS = 'on () up{job="rq"} == 1'


def _down(name: str, job: str, metric: str, summary: str, description: str) -> Alert:
    """No instance has 1 in `metric`, or Prometheus has no target of the job."""
    expr = f'max by (job) ({metric}) == 0 or absent(up{{job="{job}"}})'
    return Alert(name, expr, _PAUSE, "critical", summary, description)


def _unreachable(name: str, metric: str, summary: str, consequence: str) -> Alert:
    description = f"{label('instance')} does not answer. {consequence}"
    return Alert(name, f"{metric} == 0", _PAUSE, "warning", summary, description)


def _last_role(is_replica: int) -> str:
    """PromQL that matches the servers whose last reported role is this one."""
    return f"on (instance) last_over_time(pg_replication_is_replica[6h]) == {is_replica}"


ALERTS = (
    _down(
        "FrontDown", "blackbox", 'probe_success{instance="front"}',
        "The public address does not answer.",
        f"No client is served: GET /healthz fails from outside ({label('job')} exporter).",
    ),
    _down(
        "CdnDown", "blackbox", 'probe_success{instance="cdn"}',
        "The CDN edge does not answer.",
        f"No photo can be viewed: requests to the edge fail from outside ({label('job')} exporter).",
    ),
    _down(
        "NginxDown", "nginx", "nginx_up",
        "No nginx instance answers.",
        f"The balancer has no server for requests: no {label('job')} instance answers.",
    ),
    _unreachable(
        "NginxInstanceUnreachable", "nginx_up",
        "An nginx instance does not answer.", "The balancer excludes it; the other instances take its share.",
    ),
    Alert(
        "AppDown", f'max by (job) (up{{job="app"}}) == 0 and {_COLLECTOR_ANSWERS}\nor absent(up{{job="app"}})\n',
        _PAUSE, "critical",
        "No application instance is alive.",
        f"Every request fails: no instance of {label('job')} is alive.",
    ),
    Alert(
        "AppInstanceUnreachable", f'up{{job="app"}} == 0 and {_COLLECTOR_ANSWERS}', _PAUSE, "warning",
        "An application instance is dead.",
        f"{label('instance')} is dead and was not restarted; the other instances take its share.",
    ),
    Alert(
        "WorkerInstanceUnreachable",
        f'up{{job="worker"}} == 0 and {_COLLECTOR_ANSWERS}\nor absent(up{{job="worker"}})\n',
        _PAUSE, "critical",
        "The workers of a queue are dead.",
        f"{label('instance', 'every worker')} is dead and was not restarted: queues only grow.",
    ),
    _down(
        "PgbouncerDown", "pgbouncer", "pgbouncer_up",
        "PgBouncer does not answer.",
        f"No request reaches a database: {label('job')} does not answer.",
    ),
    Alert(
        "PostgresPrimaryUnreachable", f'pg_up == 0 and {_last_role(0)}\nor absent(up{{job="postgres"}})\n', _PAUSE,
        "critical",
        "A PostgreSQL primary does not answer.",
        f"{label('instance', 'every server')} does not answer: writes to its shards fail, and most reads as well.",
    ),
    Alert(
        "PostgresReplicaUnreachable", f"pg_up == 0 and {_last_role(1)}", _PAUSE, "warning",
        "A PostgreSQL replica does not answer.",
        f"{label('instance')} does not answer: its primary serves all reads, and has no server for a failover.",
    ),
    _down(
        "RedisDown", "redis", "redis_up",
        "Redis does not answer.",
        f"Sessions, feeds and queues are not available: {label('job')} does not answer.",
    ),
    _down(
        "MemcachedDown", "memcached", "memcached_up",
        "No memcached instance answers.",
        f"Every cache lookup goes to PostgreSQL: no {label('job')} instance answers.",
    ),
    _unreachable(
        "MemcachedInstanceUnreachable", "memcached_up",
        "A memcached instance does not answer.", "Its keys move to the other instances, which must load them first.",
    ),
    _down(
        "StoreDown", "store", "store_up",
        "The object store does not answer.",
        f"Uploads fail, and the CDN has only its cached photos: the {label('job')} does not answer.",
    ),
    Alert(
        "ExporterUnreachable", 'up{job!~"app|worker|generator"} == 0', _PAUSE, "warning",
        "A target cannot be scraped.",
        f"{label('job')} {label('instance')} cannot be scraped: alerts on its metrics cannot fire.",
    ),
)
