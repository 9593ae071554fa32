"""What runs full or fails in bulk before, or without, anything being down."""

from alerts.model import Alert, label, value
from service import catalog

_RECENT = "5m"
# Fewer failures than this in five minutes are nothing to get up for, whatever share they are.
_LEAST_FAILURES = 10


def _increase(selector: str, by: str = "") -> str:
    grouping = f" by ({by})" if by else ""
    return f"sum{grouping} (increase({selector}[{_RECENT}]))"


def _share(part: str, whole: str, above: float, by: str = "") -> str:
    """PromQL of the share of failures among all, while it is above a limit and there are enough to say so."""
    failures = _increase(part, by)
    return f"{failures} / {_increase(whole, by)} > {above}\nand {failures} >= {_LEAST_FAILURES}\n"


_JOBS = catalog.JOBS.name
_PUSHES = catalog.PUSHES.name
_ANSWERS = 'haproxy_frontend_http_responses_total{proxy="front"'
_WHAT_WAS_NOT_TAKEN = "pushes that were refused, or jobs that could deliver none"

ALERTS = (
    Alert(
        "ErrorsFlooding", _share(f'{_ANSWERS},code="5xx"}}', f"{_ANSWERS}}}", above=0.05), "2m", "critical",
        "More than one answer in twenty is an error of ours.",
        f"{value('%.3f')} of all answers at the public address are 5xx, over 5 minutes.",
    ),
    Alert(
        "PushFailing",
        _share(f'{_PUSHES}{{outcome="refused"}}', _PUSHES, above=0.05)
        + "or\n"
        + _share(f'{_JOBS}{{queue="push",outcome="failed"}}', f'{_JOBS}{{queue="push"}}', above=0.2),
        "2m", "critical",
        "Push notifications fail.",
        f"{value('%.3f')} is the share of {_WHAT_WAS_NOT_TAKEN}, over 5 minutes.",
    ),
    Alert(
        "JobsFailing",
        _share(f'{_JOBS}{{queue!="push",outcome="failed"}}', f'{_JOBS}{{queue!="push"}}', above=0.1, by="queue"),
        "2m", "warning",
        "Jobs of a queue fail.",
        f"{value('%.3f')} of the runs of {label('queue')} jobs failed over 5 minutes; what fails too often is a dead "
        "letter.",
    ),
    Alert(
        "QueueStalled", "rq_queue_oldest_job_age_seconds > 30", "2m", "critical",
        "Jobs wait longer than anybody promised.",
        f"The oldest job of the queue {label('queue')} has waited for {value('%.0f')} s.",
    ),
    Alert(
        "DatabasePoolSaturated", "pgbouncer_pools_client_maxwait_seconds > 1", "1m", "critical",
        "Requests wait for a connection to a database.",
        f"The longest wait for a connection to {label('database')} is {value('%.1f')} s; after 5 s PgBouncer gives up.",
    ),
    Alert(
        "ReplicationLagging", "pg_replication_lag_seconds > 30 and pg_replication_is_replica == 1", "2m", "warning",
        "A replica shows what is long past.",
        f"{label('instance')} is {value('%.0f')} s behind its primary.",
    ),
    Alert(
        "CacheEvicting", f"rate(memcached_items_evicted_total[{_RECENT}]) > 10", "10m", "warning",
        "The cache throws out what was still of use.",
        f"{label('instance')} evicts {value('%.0f')} items/s: the cache is too small for what is looked at.",
    ),
    Alert(
        "MachineMemoryLow", "node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes < 0.05", "2m", "critical",
        "The machine is about to run out of memory.",
        f"{value('%.3f')} of the memory is available; next the kernel kills somebody.",
    ),
    Alert(
        "DiskFilling", "node_filesystem_avail_bytes / node_filesystem_size_bytes < 0.1", "5m", "critical",
        "A file system is nearly full.",
        f"{value('%.3f')} of {label('mountpoint')} is free; a full one stops every store that writes there.",
    ),
)  # fmt: skip
