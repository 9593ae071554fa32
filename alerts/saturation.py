"""Resources that run full, and failures in large numbers, before or without any part being down."""

from alerts.model import Alert, label, value
from service import catalog

# fmt: off
_RECENT = "5m"
# Fewer failures in five minutes do not page, whatever share they are.
_LEAST_FAILURES = 10


def _increase(selector: str, by: str = "") -> str:
    grouping = f" by ({by})" if by else ""
    return f"sum{grouping} (increase({selector}[{_RECENT}]))"


def _share(part: str, whole: str, above: float, by: str = "") -> str:
    """PromQL of the share of failures, while it is above a limit and there are enough failures."""
    failures = _increase(part, by)
    return f"{failures} / {_increase(whole, by)} > {above}\nand {failures} >= {_LEAST_FAILURES}\n"


_JOBS = catalog.JOBS.name
_PUSHES = catalog.PUSHES.name
_RESPONSES = 'haproxy_frontend_http_responses_total{proxy="front"'

ALERTS = (
    Alert(
        "ErrorsFlooding", _share(f'{_RESPONSES},code="5xx"}}', f"{_RESPONSES}}}", above=0.05), "2m", "critical",
        "More than one response in twenty is a server error.",
        f"{value('%.3f')} of all responses at the public address are 5xx, over 5 minutes.",
    ),
    Alert(
        "PushFailing",
        _share(f'{_PUSHES}{{outcome="refused"}}', _PUSHES, above=0.05)
        + "or\n"
        + _share(f'{_JOBS}{{queue="push",outcome="failed"}}', f'{_JOBS}{{queue="push"}}', above=0.2),
        "2m", "critical",
        "Push notifications fail.",
        f"{value('%.3f')} is the share of refused pushes, or of failed push jobs, over 5 minutes.",
    ),
    Alert(
        "JobsFailing",
        _share(f'{_JOBS}{{queue!="push",outcome="failed"}}', f'{_JOBS}{{queue!="push"}}', above=0.1, by="queue"),
        "2m", "warning",
        "Jobs of a queue fail.",
        f"{value('%.3f')} of the {label('queue')} jobs failed over 5 minutes; a job that fails too often becomes a "
        "dead letter.",
    ),
    Alert(
        "QueueStalled", "rq_queue_oldest_job_age_seconds > 30", "2m", "critical",
        "Jobs wait longer than any objective allows.",
        f"The oldest job of the queue {label('queue')} has waited for {value('%.0f')} s.",
    ),
    Alert(
        "DatabasePoolSaturated", "pgbouncer_pools_client_maxwait_seconds > 1", "1m", "critical",
        "Requests wait for a connection to a database.",
        f"The longest wait for a connection to {label('database')} is {value('%.1f')} s; PgBouncer gives up after 5 s.",
    ),
    Alert(
        "ReplicationLagging", "pg_replication_lag_seconds > 30 and pg_replication_is_replica == 1", "2m", "warning",
        "A replica has old data.",
        f"{label('instance')} is {value('%.0f')} s behind its primary.",
    ),
    Alert(
        "CacheEvicting", f"rate(memcached_items_evicted_total[{_RECENT}]) > 10", "10m", "warning",
        "The cache evicts items that are in use.",
        f"{label('instance')} evicts {value('%.0f')} items/s: the cache is too small for the items in use.",
    ),
    Alert(
        "MachineMemoryLow", "node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes < 0.05", "2m", "critical",
        "The machine is about to run out of memory.",
        f"{value('%.3f')} of the memory is available; at zero, the kernel kills a process.",
    ),
    Alert(
        "DiskFilling", "node_filesystem_avail_bytes / node_filesystem_size_bytes < 0.1", "5m", "critical",
        "A file system is nearly full.",
        f"{value('%.3f')} of {label('mountpoint')} is free; every store that writes to a full file system stops.",
    ),
)
