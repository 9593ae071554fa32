"""Messages between the launcher and Locust's processes; both sides read and write them as JSON."""

from __future__ import annotations

import signal

from msgspec import Struct

from likestorm.results.ledger import Journal
from likestorm.results.record.traffic import Arrivals, Generator, Requests
from likestorm.results.record.verdict import Aborted
from likestorm.results.server_timing import Reservoir
from likestorm.scenario import Scenario

END_SIGNAL = signal.SIGUSR1
"""Ends a generator of one process early: the process drains and writes its outcome."""
PLAN_VARIABLE = "LIKESTORM_PLAN"
"""Environment variable with the path of the plan's file."""
MASTER_VARIABLE = "LIKESTORM_MASTER"
"""Environment variable with HOST:PORT, from which a worker on another host fetches the plan."""
PATIENCE_VARIABLE = "LIKESTORM_PATIENCE_S"
"""Environment variable with the seconds for which a worker on another host tries to reach the master."""
PROGRESS_VARIABLE = "LIKESTORM_PROGRESS_FD"
"""Environment variable with the descriptor to which the first process writes its progress."""


class Plan(Struct, frozen=True):
    """What the generator is to do, and where its outcome goes.

    run_id: part of every name that the run makes up. salt: users' random choices depend on the seed and on the salt.
    realtime: whether to ask the kernel for real-time scheduling. manifest: path of the description of seeded data.
    outcome, histograms: paths of the results. locustfile: path of the user's own locustfile.
    workers: number of worker processes under a master; 0 where one process does everything.
    metrics_port: loopback port on which the single process serves its metrics; None for no metrics.
    hosts: hosts beside loopback that may get load.
    """

    scenario: Scenario
    run_id: str
    salt: str
    realtime: bool
    manifest: str
    outcome: str
    histograms: str
    locustfile: str = ""
    workers: int = 0
    metrics_port: int | None = None
    hosts: tuple[str, ...] = ()


class Part(Struct, frozen=True):
    """One process's part of the schedules: part `index` of `of` parts."""

    index: int = 0
    of: int = 1

    def share(self, total: int) -> int:
        """The number of items that belong to this part."""
        return total // self.of + (self.index < total % self.of)


class Member(Struct, frozen=True):
    """A seeded user who is logged in."""

    id: str
    token: str


class Manifest(Struct, frozen=True):
    """Seeded data: logged-in users, photo ids by descending popularity, paths of JPEGs to upload."""

    seed: int
    users: list[Member]
    photos: list[str]
    jpegs: list[str]


class Rates(Struct, frozen=True):
    """The state of one schedule: arrivals/s over the last second, percentiles over the last five, errors so far."""

    offered: float
    achieved: float
    p50_ms: float | None
    p99_ms: float | None
    errors: int


class Progress(Struct, frozen=True):
    """The state of the run, once a second; `failure` says why the run cannot go on.

    counts: by budget with an abort rule, the bad requests and all requests of the last second.
    """

    phase: str
    left_s: float
    busy: int
    rates: dict[str, Rates]
    failure: str = ""
    counts: dict[str, tuple[int, int]] = {}


class Traffic(Struct, frozen=True):
    """Requests of the whole run, warm-up included, to one address: answered without an error, and failed."""

    answered: int
    failed: int


class Outcome(Struct, frozen=True):
    """What the generator measured; times in seconds since the epoch."""

    window_start: float
    window_end: float
    arrivals: dict[str, Arrivals]
    requests: dict[str, Requests]
    generator: Generator
    journals: dict[str, Journal]
    traffic: dict[str, Traffic] = {}
    """By host:port."""
    unfinished: int = 0
    """Arrivals without an end when the run ended, those of the warm-up included."""
    aborted: Aborted | None = None
    timing: dict[str, Reservoir] = {}
    """Server timing by request."""
