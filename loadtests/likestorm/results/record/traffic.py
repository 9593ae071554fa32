"""What clients saw of a run, and how well the generator that played them kept up: frozen data."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Percentiles:
    """Milliseconds; None where the percentile lies among arrivals that never completed (or nothing was sampled)."""

    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None
    p99_9: float | None
    max: float | None


@dataclass(frozen=True)
class Load:
    """Arrivals due in the window; offered is the sum of the other four."""

    offered: int
    completed: int
    failed: int
    dropped: int
    unfinished: int


@dataclass(frozen=True)
class Timeline:
    """One value a second of the window, the first for the second that begins at the window's start.

    offered, completed, failed: arrivals by the second in which they were due. p50_ms, p99_ms: of the response
    times of the arrivals due in that second, None where there were none.
    """

    offered: list[int]
    completed: list[int]
    failed: list[int]
    p50_ms: list[float | None]
    p99_ms: list[float | None]


@dataclass(frozen=True)
class Arrivals:
    """One schedule of the scenario and what became of its arrivals; the times are of whole arrivals, all steps.

    rate: the mean over the window that was asked for; of closed-model users, the rate that came about.
    """

    rate: float
    scheduled: int
    load: Load
    steps: list[str]
    response_time_ms: Percentiles
    histogram: str
    timeline: Timeline
    closed_users: int = 0
    """So many closed-model users took turns, in place of a schedule; `scheduled` is then what they began."""


@dataclass(frozen=True)
class Requests:
    """All requests of one name in the window.

    count includes failures, failures include timeouts. response_time counts from when the request was due,
    service_time from when it was sent. Timed-out, dropped and unfinished requests are right-censored: `censored` of
    them rank above every completed one. The histograms hold response times, service times and the response times of
    failures, as base64 of compressed HDR V2 histograms in microseconds.
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
    """How often each error was seen, by its message."""


@dataclass(frozen=True)
class Worker:
    """One of several processes that made the load; a lost one's part was offered by nobody."""

    name: str
    lost: bool
    cpu_percent: list[float]
    """Of one core, one value a second of the window."""
    clock_ahead_ms: float
    """Of the clock of the process that led the run, as measured before the start; right to ± clock_error_ms."""
    clock_error_ms: float
    silent_s: float = 0.0
    """In which it was missing after the start: Locust misses a worker that it has not heard from for three seconds."""


@dataclass(frozen=True)
class Vitals:
    """What one process of the generator noticed of itself and of its machine in the window; None: nobody tells.

    process: host and pid. loop_lag_ms: how late a timer of its event loop was; due times are evenly spread over the
    window, so a block of a second counts for a second. gc_total_s, gc_longest_s: in which the collector held the
    process. clock_step_s: the most by which the wall clock moved against the monotonic one from one second to the next.
    throttled_percent: of the window, held back by its own cgroup's quota. steal_percent: of the machine's CPU time,
    taken by the hypervisor for others. pressure_percent: of the window, by resource: somebody waited for a core (cpu),
    everybody for the disk or for memory (io, memory).
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
    """How well the load generator itself kept up."""

    dispatch_lag_ms: Percentiles
    cpu_percent: list[float]
    """Of one core, one value a second of the window."""
    users_max: int
    """Most virtual users that were busy at once."""
    realtime: bool
    """Whether the kernel ran the generator before everything else on the machine."""
    workers: list[Worker] = field(default_factory=list)
    """Each worker that was expected; none where one process did it all. cpu_percent is then the busiest one's."""
    vitals: list[Vitals] = field(default_factory=list)
    """One a process that drove arrivals."""
