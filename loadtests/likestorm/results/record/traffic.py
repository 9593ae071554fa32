"""What clients measured, and how well the load generator kept up: frozen data."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Percentiles:
    """Milliseconds; None where the percentile lies among arrivals that never completed, or without samples."""

    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None
    p99_9: float | None
    max: float | None


@dataclass(frozen=True)
class Load:
    """The arrivals due in the window; offered is the sum of the other four."""

    offered: int
    completed: int
    failed: int
    dropped: int
    unfinished: int


@dataclass(frozen=True)
class Timeline:
    """One value for each second of the window.

    Arrivals belong to the second in which they were due. p50_ms, p99_ms: percentiles of their response times; None for
    a second without arrivals.
    """

    offered: list[int]
    completed: list[int]
    failed: list[int]
    p50_ms: list[float | None]
    p99_ms: list[float | None]


@dataclass(frozen=True)
class Arrivals:
    """One schedule of the scenario and its arrivals; times cover whole arrivals with all steps.

    rate: the requested mean over the window, or the achieved rate of closed-model users.
    """

    rate: float
    scheduled: int
    load: Load
    steps: list[str]
    response_time_ms: Percentiles
    histogram: str
    timeline: Timeline
    closed_users: int = 0
    """The number of closed-model users in place of a schedule; `scheduled` then counts the arrivals that they began."""


@dataclass(frozen=True)
class Requests:
    """All requests of one name in the window.

    count includes failures; failures include timeouts. Response time starts when the request is due, service time when
    it is sent. Timed-out, dropped and unfinished requests are right-censored: `censored` of them rank above every
    completed request. Histograms are base64 of compressed HDR V2 in microseconds.
    """

    count: int
    failures: int
    timeouts: int
    censored: int
    response_time_ms: Percentiles
    service_time_ms: Percentiles
    histogram: str
    service_histogram: str
    failure_histogram: str
    errors: dict[str, int]
    """The number of occurrences by error message."""


@dataclass(frozen=True)
class Worker:
    """One of several generator processes; the part of a lost worker is not offered."""

    name: str
    lost: bool
    cpu_percent: list[float]
    """Of one core, one value for each second of the window."""
    clock_ahead_ms: float
    """Ahead of the coordinator's clock, as measured before the start, within ± clock_error_ms."""
    clock_error_ms: float
    silent_s: float = 0.0
    """Time without contact after the start; Locust reports a worker as missing after three seconds."""


@dataclass(frozen=True)
class Vitals:
    """The health of one generator process and of its machine in the window; None where it cannot be measured.

    process: host and pid. loop_lag_ms: lateness of event-loop timers with evenly spread due times, so a block of one
    second counts for one second. gc_total_s, gc_longest_s: pauses by the garbage collector. clock_step_s: the largest
    jump of the wall clock against the monotonic clock within one second. throttled_percent: share of the window in
    which the cgroup's CPU quota throttled the process. steal_percent: share of the machine's CPU time that the
    hypervisor gave to others. pressure_percent: pressure stall information by resource, share of the window: some tasks
    waited for a core (cpu), all tasks waited (io, memory).
    """

    process: str
    loop_lag_ms: Percentiles
    gc_total_s: float
    gc_longest_s: float
    clock_step_s: float
    throttled_percent: float | None
    steal_percent: float | None
    pressure_percent: dict[str, float]


@dataclass(frozen=True)
class Generator:
    """How well the load generator kept up."""

    dispatch_lag_ms: Percentiles
    cpu_percent: list[float]
    """Of one core, one value for each second of the window; of several workers, the busiest one's."""
    users_max: int
    """The largest number of virtual users that were busy at once."""
    realtime: bool
    """Whether the generator ran at real-time priority."""
    workers: list[Worker] = field(default_factory=list)
    """Every expected worker; empty for a generator of one process."""
    vitals: list[Vitals] = field(default_factory=list)
    """One for each process that ran arrivals."""
