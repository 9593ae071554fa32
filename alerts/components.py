"""Parts of the stack that are away: XDown when none of a kind answers, XInstanceUnreachable for each that does not.

A part is away when its own question fails (redis_up and its like), or when Prometheus has no target of its kind at all.
That an exporter is away says nothing about its part, and is an alert of its own; the load generator alone runs only
during a load test. What is started again at once pages nobody: it must be away for a minute.
"""

from alerts.model import Alert, label

_PAUSE = "1m"
# The process that answers for app and worker instances, and says when one is dead; without it they only seem to be.
_COLLECTOR_ANSWERS = 'on () up{job="rq"} == 1'


def _down(name: str, job: str, question: str, summary: str, description: str) -> Alert:
    """None of a kind answers `question` with 1, or the kind is not watched at all."""
    return Alert(
        name, f'max by (job) ({question}) == 0 or absent(up{{job="{job}"}})', _PAUSE, "critical", summary, description
    )


def _unreachable(name: str, question: str, summary: str, consequence: str) -> Alert:
    description = f"{label('instance')} does not answer. {consequence}"
    return Alert(name, f"{question} == 0", _PAUSE, "warning", summary, description)


def _last_role(is_replica: int) -> str:
    """Which servers are of this role, by what they last said of themselves."""
    return f"on (instance) last_over_time(pg_replication_is_replica[6h]) == {is_replica}"


ALERTS = (
    _down(
        "FrontDown", "blackbox", 'probe_success{instance="front"}',
        "The public address does not answer.",
        f"No client gets through: GET /healthz fails from outside ({label('job')} exporter).",
    ),
    _down(
        "CdnDown", "blackbox", 'probe_success{instance="cdn"}',
        "The CDN edge does not answer.",
        f"Nobody sees photos: the edge gives no answer from outside ({label('job')} exporter).",
    ),
    _down(
        "NginxDown", "nginx", "nginx_up",
        "No nginx instance answers.",
        f"The balancer has nowhere to send requests: no {label('job')} answers.",
    ),
    _unreachable(
        "NginxInstanceUnreachable", "nginx_up",
        "An nginx instance does not answer.", "The balancer leaves it out; the others carry its share.",
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
        f"{label('instance')} is dead and was not started again; the others carry its share.",
    ),
    Alert(
        "WorkerInstanceUnreachable",
        f'up{{job="worker"}} == 0 and {_COLLECTOR_ANSWERS}\nor absent(up{{job="worker"}})\n',
        _PAUSE, "critical",
        "The workers of a queue are dead.",
        f"{label('instance', 'every worker')} is dead and was not started again: queues only grow.",
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
        f"{label('instance', 'every server')} does not answer: nothing can be written to its shards, little be read.",
    ),
    Alert(
        "PostgresReplicaUnreachable", f"pg_up == 0 and {_last_role(1)}", _PAUSE, "warning",
        "A PostgreSQL replica does not answer.",
        f"{label('instance')} does not answer: its primary serves all reads, and nobody could take its place.",
    ),
    _down(
        "RedisDown", "redis", "redis_up",
        "Redis does not answer.",
        f"Sessions, feeds and queues are away: {label('job')} does not answer.",
    ),
    _down(
        "MemcachedDown", "memcached", "memcached_up",
        "No memcached instance answers.",
        f"Every look-up goes to PostgreSQL: no {label('job')} answers.",
    ),
    _unreachable(
        "MemcachedInstanceUnreachable", "memcached_up",
        "A memcached instance does not answer.", "Its keys go to the others, which do not have them yet.",
    ),
    _down(
        "StoreDown", "store", "store_up",
        "The object store does not answer.",
        f"Nobody can upload, and the CDN has only what it keeps: the {label('job')} does not answer.",
    ),
    Alert(
        "ExporterUnreachable", 'up{job!~"app|worker|generator"} == 0', _PAUSE, "warning",
        "A target cannot be scraped.",
        f"{label('job')} {label('instance')} cannot be scraped: alerts on what it watches are blind.",
    ),
)  # fmt: skip
