"""What the driver tells the swarm, and what the swarm tells it back; both sides read and write these as JSON."""

from __future__ import annotations

import signal
from typing import Any

from msgspec import Struct

from likestorm.results.ledger import Journal
from likestorm.results.record.traffic import Vitals
from likestorm.scenario import Scenario

END_SIGNAL = signal.SIGUSR1
"""Ends a swarm of one process early; it drains, and leaves its outcome."""
PLAN_VARIABLE = "LIKESTORM_PLAN"
PROGRESS_VARIABLE = "LIKESTORM_PROGRESS_FD"
HELLO = "likestorm-hello"
"""With this message a process that wants to become a worker asks for the plan."""


class Plan(Struct, frozen=True):
    """The swarm's orders: what to drive, where to find accounts and photos, and where to leave the outcome.

    run_id: part of every name that the run makes up. salt: what users choose depends on the seed and this.
    realtime: whether to ask the kernel to run the swarm before everything else. locustfile: path of somebody's own.
    workers: how many processes are to make the load under one that leads them; 0 where one does it all.
    metrics_port: where the one process serves its own metrics on loopback, None for nowhere.
    hosts: where the reference stack is, where that is not loopback.
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


class Member(Struct, frozen=True):
    """One seeded user who is logged in."""

    id: str
    token: str


class Manifest(Struct, frozen=True):
    """What the target holds: logged-in users, photo ids from the most popular down, paths of JPEGs to upload."""

    seed: int
    users: list[Member]
    photos: list[str]
    jpegs: list[str]


class Rates(Struct, frozen=True):
    """How one schedule goes: arrivals a second over the last second, ms over the last five, errors since the start."""

    offered: float
    achieved: float
    p50_ms: float | None
    p99_ms: float | None
    errors: int


class Progress(Struct, frozen=True):
    """Where the run is, once a second; `failure` is why it cannot go on.

    counts: of the last second, by budget that may end the run early: bad requests, and all.
    """

    phase: str
    left_s: float
    busy: int
    rates: dict[str, Rates]
    failure: str = ""
    counts: dict[str, tuple[int, int]] = {}


class Share(Struct, frozen=True):
    """What one process measured of its part; `recorded` is its recorder's dump."""

    recorded: dict[str, Any]
    journals: dict[str, Journal]
    cpu_percent: list[float]
    users_max: int
    realtime: bool
    vitals: Vitals
