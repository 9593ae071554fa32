"""Messages between the launcher and Locust's processes; both sides read and write them as JSON."""

from __future__ import annotations

import signal

from msgspec import Struct

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
