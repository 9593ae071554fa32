"""What one run measured and what was decided of it: frozen data, stored as versioned JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from loadtests.timesplit import Pooler, TimeSplit

SCHEMA = 1

Status = Literal["pass", "breach", "invalid", "inconclusive"]
EXIT_CODES: dict[Status, int] = {"pass": 0, "inconclusive": 97, "invalid": 98, "breach": 99}


class RecordError(Exception):
    """A file that is not a record, or is one of another schema version."""


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


@dataclass(frozen=True)
class ScrapeTarget:
    """How completely one target was scraped: `longest_gap_s` without a sample, `down_s` with up == 0, in seconds."""

    job: str
    instance: str
    samples: int
    longest_gap_s: float
    down_s: float


@dataclass(frozen=True)
class Series:
    """Values over time of one labelled series: `times` in seconds since the window's start."""

    labels: dict[str, str]
    times: list[float]
    values: list[float | None]


@dataclass(frozen=True)
class PanelData:
    """What one dashboard panel showed in the window; an empty `series` means that the query gave nothing."""

    panel: str
    query: str
    series: list[Series]


@dataclass(frozen=True)
class LedgerEntry:
    """One set of effects: acknowledged to clients against stored.

    lost = acknowledged − stored, phantom = stored − attempted, indeterminate = attempted without an answer;
    residual = lost + phantom. examples: up to five ids of each kind.
    """

    name: str
    attempted: int
    acknowledged: int
    stored: int
    lost: int
    phantom: int
    indeterminate: int
    residual: int
    examples: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class HopCount:
    """How many of the run's requests one hop counted; None where it could not be asked, and `problem` says why."""

    hop: str
    count: int | None
    problem: str = ""


@dataclass(frozen=True)
class Hops:
    """The requests of the whole run, warm-up included, as each hop counted them.

    answered: to clients, without an error. unsure: failed or never answered, which a hop may have counted or not.
    repeated: sent once more from one hop to the next, which a later hop counts twice.
    """

    answered: int
    unsure: int
    repeated: int
    counts: list[HopCount]


@dataclass(frozen=True)
class PromqlValue:
    """What a budget's PromQL gave: one value, or one a tenth of the window; `problem` says why there is none."""

    budget: str
    query: str
    values: list[float]
    problem: str = ""


@dataclass(frozen=True)
class ChainEffects:
    """The effects of one asynchronous chain that came about within the window.

    buckets: upper bound in seconds and how many effects took at most as long, bounds ascending; None is no bound.
    """

    name: str
    buckets: list[tuple[float | None, int]]

    @property
    def count(self) -> int:
        """All effects."""
        return self.buckets[-1][1] if self.buckets else 0


@dataclass(frozen=True)
class CapacityStep:
    """One run of a search for the highest rate: arrivals a second asked for, offered and completed.

    status: of the run's verdict, and why where it is no pass. concurrency: arrivals under way at once, on average.
    """

    rate: float
    run: int
    status: Status
    offered: float
    throughput: float
    concurrency: float
    p99_ms: float | None
    reason: str


@dataclass(frozen=True)
class Estimate:
    """A fitted value with its 95 % interval; None where there is no bound."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Law:
    """The universal scalability law through a search's steps (loadtests/scalability.py).

    rate: arrivals a second of one alone. peak: the most arrivals a second that the law allows at any concurrency.
    """

    rate: Estimate
    contention: Estimate
    coherency: Estimate
    peak: Estimate
    points: int


@dataclass(frozen=True)
class Capacity:
    """What a search for the highest rate found: arrivals a second that hold, and the next higher that did not."""

    arrivals: str
    holds: float | None
    fails: float | None
    steps: list[CapacityStep]
    law: Law | None


@dataclass(frozen=True)
class ErrorGroup:
    """Errors of one kind that the service reported to its error tracker within the run."""

    kind: str
    message: str
    where: str
    count: int


@dataclass(frozen=True)
class ScenarioFacts:
    """What was asked for."""

    name: str
    description: str
    seed: int
    duration_s: float
    warm_up_s: float
    rate_factor: float


Side = Literal["at most", "at least"]
BudgetStatus = Literal["met", "broken", "inconclusive"]
CheckStatus = Literal["ok", "failed", "unknown", "noted"]


@dataclass(frozen=True)
class BudgetResult:
    """One budget against what was seen; low and high bound the 95 % interval, None where the sample bears no bound."""

    name: str
    side: Side
    limit: float
    unit: str
    observed: float | None
    low: float | None
    high: float | None
    samples: int
    status: BudgetStatus
    reason: str


@dataclass(frozen=True)
class ValidityCheck:
    """One check of the measurement itself; `advice` says what to change when it failed.

    A check that is only noted decides nothing: it does not apply to this run, or says what the others may mean.
    """

    check: str
    limit: str
    observed: str
    status: CheckStatus
    advice: str


@dataclass(frozen=True)
class Verdict:
    """What was decided: the status, its exit code, why in one sentence, and every budget and check behind it."""

    status: Status
    exit_code: int
    reason: str
    budgets: list[BudgetResult]
    validity: list[ValidityCheck]


@dataclass(frozen=True)
class Aborted:
    """A run that a budget ended early: everything else in its record is of the window so far."""

    budget: str
    reason: str
    asked_duration_s: float


@dataclass(frozen=True)
class Record:
    """Everything that a run measured; the report, the judge and comparisons need nothing else."""

    schema: int
    scenario: ScenarioFacts
    target: str
    started_at: str
    finished_at: str
    environment: dict[str, str]
    load: Load
    arrivals: dict[str, Arrivals]
    requests: dict[str, Requests]
    generator: Generator
    scrapes: list[ScrapeTarget]
    panels: list[PanelData]
    ledger: list[LedgerEntry]
    memory_mb: dict[str, float]
    """Most resident memory in the window by part, shared pages counted once (PSS), MB."""
    verdict: Verdict | None = None
    chains: list[ChainEffects] = field(default_factory=list)
    reported_errors: list[ErrorGroup] | None = None
    """What the service's error tracker was told during the run; None where there was no tracker."""
    hops: Hops | None = None
    """None where the target has no counters of its own to compare with."""
    promql: list[PromqlValue] = field(default_factory=list)
    drifts: list[PanelData] = field(default_factory=list)
    """What budgets on slopes asked of Prometheus, `panel` being the budget's name."""
    capacity: Capacity | None = None
    """Of a search for the highest rate, whose record is that of the highest rate which holds."""
    aborted: Aborted | None = None
    timing: dict[str, TimeSplit] = field(default_factory=dict)
    """By request; without those whose answers had no Server-Timing header."""
    pooler: Pooler | None = None


def save(record: Record, path: Path) -> None:
    """Write the record as indented JSON, whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")
    partial.replace(path)


def load(path: Path) -> Record:
    """Read a record; RecordError says which file and what is wrong with it."""
    try:
        data = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise RecordError(f"{path}: {error}") from error
    version = data.get("schema") if isinstance(data, dict) else None
    if version != SCHEMA:
        raise RecordError(f"{path}: schema {version!r}, this version reads {SCHEMA}")
    try:
        return msgspec.convert(data, Record)
    except msgspec.ValidationError as error:
        raise RecordError(f"{path}: {error}") from error


def describe() -> str:
    """The JSON Schema of record.json; loadtests/record.schema.json holds it."""
    schema = msgspec.json.schema(Record)
    about = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"record.json, schema {SCHEMA}"}
    return msgspec.json.format(msgspec.json.encode(about | schema), indent=1).decode() + "\n"
