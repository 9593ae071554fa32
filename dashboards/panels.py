"""The panel catalogue: what each panel asks, in PromQL, and how its answer is to be read."""

from dataclasses import dataclass

from service import objectives

WINDOW = "$window"
GRAFANA_WINDOW = "$__rate_interval"
RUN_WINDOW = "5s"
"""Of a run: targets are scraped every second, so a rate over five seconds stands on four or five differences."""


@dataclass(frozen=True)
class Threshold:
    """A line that the panel's values should stay below, in the panel's unit."""

    value: float
    label: str


@dataclass(frozen=True)
class Panel:
    """One question to Prometheus and how to draw its answer.

    query: PromQL with `$window` where a range belongs, a series a line of the drawing.
    legend: a Grafana legend, `{{label}}` for a label's value.
    unit: a Grafana unit id.
    alert: the alert that watches the same thing, by name.
    """

    id: str
    title: str
    question: str
    query: str
    legend: str
    unit: str
    thresholds: tuple[Threshold, ...] = ()
    alert: str | None = None

    def promql(self, window: str) -> str:
        """The query with its window filled in, such as `5s`."""
        return self.query.replace(WINDOW, window)

    def name_of(self, labels: dict[str, str]) -> str:
        """The legend of one series, given its labels."""
        name = self.legend
        for label, value in labels.items():
            name = name.replace("{{" + label + "}}", value)
        return name


def _share(part: str, whole: str, labels: str) -> str:
    """PromQL of a ratio by labels: 0 where only `part` has no samples, nothing where there is no traffic at all."""
    total = f"sum by ({labels}) (rate({whole}[$window]))"
    return f"(sum by ({labels}) (rate({part}[$window])) or 0 * {total}) / ({total} > 0)"


def _p99(histogram: str, labels: str) -> str:
    return f"histogram_quantile(0.99, sum by (le, {labels}) (rate({histogram}_bucket[$window])))"


def _latency_thresholds() -> tuple[Threshold, ...]:
    by_limit: dict[float, list[str]] = {}
    for objective in objectives.load().values():
        if objective.percentile == 99:
            by_limit.setdefault(objective.seconds, []).append(objective.name)
    return tuple(Threshold(limit, ", ".join(names)) for limit, names in sorted(by_limit.items()))


def _chain_thresholds() -> tuple[Threshold, ...]:
    """The seconds of each chain's objective."""
    chains = objectives.load_chains().values()
    return tuple(
        Threshold(seconds, ", ".join(c.name for c in chains if c.seconds == seconds))
        for seconds in sorted({c.seconds for c in chains})
    )


def _pressure(resource: str, kind: str, name: str) -> str:
    """The share of the time in which the kernel counts somebody as waiting, labelled with what it means."""
    return f'label_replace(rate(node_pressure_{resource}_{kind}_seconds_total[$window]), "wait", "{name}", "", "")'


def _error_thresholds() -> tuple[Threshold, ...]:
    return (Threshold(min(o.error_ratio for o in objectives.load().values()), "strictest objective"),)


OVERVIEW: tuple[Panel, ...] = (
    Panel(
        "photos-per-second", "Photos per second",
        "How many photos are published? Counted when the upload is confirmed.",
        "sum(rate(likestorm_photos_total[$window]))", "photos", "suffix:photos/s",
        alert="PhotoRateOutOfRange",
    ),
    Panel(
        "likes-per-second", "Likes per second",
        "How many likes are stored? A repeated like does not count.",
        "sum(rate(likestorm_likes_total[$window]))", "likes", "suffix:likes/s",
    ),
    Panel(
        "signups-per-minute", "Signups per minute",
        "How many people join?",
        "60 * sum(rate(likestorm_signups_total[$window]))", "signups", "suffix:signups/min",
        alert="SignupRateOutOfRange",
    ),
    Panel(
        "latency-p99", "p99 by route",
        "How slow is the slowest hundredth of each route, measured inside the application? The lines are the p99 "
        "objectives; queueing in front of the application is not in here.",
        _p99("likestorm_http_request_duration_seconds", "method, route"), "{{method}} {{route}}", "s",
        thresholds=_latency_thresholds(),
    ),
    Panel(
        "error-ratio", "Error ratio by route",
        "Which share of each route's requests is answered with a 5xx status?",
        _share('likestorm_http_requests_total{status=~"5.."}', "likestorm_http_requests_total", "method, route"),
        "{{method}} {{route}}", "percentunit", thresholds=_error_thresholds(),
    ),
    Panel(
        "queue-depth", "Queue depth",
        "How many jobs wait for a worker? A line that keeps rising means that the workers are too few.",
        'sum by (queue) (rq_jobs{status="queued"})', "{{queue}}", "short",
    ),
)  # fmt: skip

TIERS: tuple[Panel, ...] = (
    Panel(
        "cpu-by-part", "CPU by part",
        "How many cores does each part keep busy? A single-threaded part is full at one core.",
        "sum by (groupname) (rate(namedprocess_namegroup_cpu_seconds_total[$window]))", "{{groupname}}",
        "suffix:cores",
    ),
    Panel(
        "memory-by-part", "Memory by part",
        "How much memory is resident in each part? Pages shared between processes count once a process.",
        'sum by (groupname) (namedprocess_namegroup_memory_bytes{memtype="resident"})', "{{groupname}}", "bytes",
    ),
    Panel(
        "store-p99", "Backing stores, p99",
        "Which backing store does the application wait for? The slowest hundredth of the operations on each.",
        _p99("likestorm_store_operation_duration_seconds", "store"), "{{store}}", "s",
    ),
    Panel(
        "pool-wait-p99", "Wait for a database connection, p99",
        "Do requests queue for a connection of the application's own pool?",
        _p99("likestorm_db_pool_wait_seconds", "instance"), "{{instance}}", "s",
    ),
    Panel(
        "pgbouncer-waiting", "PgBouncer: waiting clients",
        "Do connections queue for PostgreSQL? Above zero for long means that the server's pool is small or blocked.",
        'sum by (database) (pgbouncer_pools_client_waiting_connections{database!="pgbouncer"})', "{{database}}",
        "short",
    ),
    Panel(
        "cache-hit-ratio", "Cache hit ratio",
        "Which share of the look-ups in memcached finds something?",
        _share('likestorm_cache_requests_total{result="hit"}', "likestorm_cache_requests_total", "cache"),
        "{{cache}}", "percentunit",
    ),
    Panel(
        "job-wait-p99", "Job delay, p99",
        "How long do jobs wait in their queue before a worker takes them?",
        _p99("likestorm_job_wait_seconds", "queue"), "{{queue}}", "s",
    ),
    Panel(
        "chain-p99", "Asynchronous chains, p99",
        "How long after the acknowledged request does its effect come: the push, the thumbnail, the followers' feeds?",
        _p99("likestorm_chain_duration_seconds", "chain"), "{{chain}}", "s", thresholds=_chain_thresholds(),
    ),
    Panel(
        "pushes-per-second", "Pushes per second",
        "How many pushes does the push server take? A storm of likes on one photo becomes one push.",
        'sum(rate(standin_received_total{standin="push"}[$window]))', "pushes", "suffix:pushes/s",
    ),
    Panel(
        "replication-lag", "Replication lag",
        "How old is what each replica shows? Reads that may lag are served from there.",
        "max by (instance) (pg_replication_lag_seconds and pg_replication_is_replica == 1)", "{{instance}}", "s",
    ),
    Panel(
        "cdn-requests", "CDN requests by cache",
        "What does the edge answer from its cache, and what must it fetch from the store?",
        "sum by (cache) (rate(cdn_requests_total[$window]))", "{{cache}}", "suffix:requests/s",
    ),
    Panel(
        "pressure", "Pressure on the machine",
        "Which share of the time did somebody wait for a core, and everybody for the disk? "
        "High pressure makes every latency the machine's own.",
        _pressure("cpu", "waiting", "somebody waits for a core")
        + " or "
        + _pressure("io", "stalled", "everybody waits for the disk"),
        "{{wait}}", "percentunit",
    ),
    Panel(
        "postgres-commits", "PostgreSQL commits",
        "How many transactions does PostgreSQL commit? Its own monitoring is a few a second of them.",
        "sum(rate(pg_stat_database_xact_commit[$window]))", "commits", "suffix:commits/s",
    ),
    Panel(
        "redis-commands", "Redis commands",
        "How many commands does Redis run?",
        "sum(rate(redis_commands_processed_total[$window]))", "commands", "suffix:commands/s",
    ),
)  # fmt: skip

PANELS: tuple[Panel, ...] = OVERVIEW + TIERS
BY_ID: dict[str, Panel] = {panel.id: panel for panel in PANELS}
