"""The master's side of a run on several processes.

Once all workers are connected, the coordinator compares their clocks with its own and assigns the schedules: of N
workers, the k-th takes every N-th arrival from the k-th on. The coordinator states the start as a time of day. A worker
that is done sends everything that it measured; the run ends when every worker has, or is lost. No other worker offers a
lost worker's part. A worker that reconnects in time still delivers everything that it measured.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Collection
from pathlib import Path

import gevent
import msgspec
from gevent.event import AsyncResult
from locust.rpc import Message
from locust.runners import MasterRunner

from likestorm.generator import summary
from likestorm.generator.abort_rule import EarlyEnd, add_up
from likestorm.generator.counts import Share
from likestorm.generator.engine import EngineError
from likestorm.generator.locust_adapter import host_of, is_missing, workers_of
from likestorm.generator.messages import END, FAILED, PART, PING, PLAN, PONG, PROGRESS, READY, SHARE, START, listen
from likestorm.generator.plan import Plan
from likestorm.results.progress import Progress
from likestorm.results.record.traffic import Worker

log = logging.getLogger(__name__)

LEAD_S = 0.5
"""Time between the last preparation and the start of the schedules, so that the first arrivals are on time."""
PINGS = 8
POLL_S = 0.1
SETTLE_S = 0.3
"""Delay after each second, in which all workers report the same second."""
ANSWER_S = 10.0


class Coordinator:
    """Carries out a plan on all connected workers; `on_failure` gets the reason why a worker cannot go on."""

    def __init__(self, runner: MasterRunner, plan: Plan, on_failure: Callable[[str], None]) -> None:
        self._runner, self._plan, self._on_failure = runner, plan, on_failure
        self._workers: list[str] = []
        self._pong = AsyncResult()
        self._clocks: dict[str, tuple[float, float]] = {}
        self._ready: set[str] = set()
        self._shares: dict[str, Share] = {}
        self._silent_s: dict[str, float] = {}
        self._progress: dict[str, Progress] = {}
        self._uncounted: list[Progress] = []
        self._ending = EarlyEnd(plan.scenario)
        listen(runner, PLAN, self._on_plan)
        listen(runner, PONG, lambda msg: self._pong.set(msg.data["time"]))
        listen(runner, READY, lambda msg: self._ready.add(msg.node_id))
        listen(runner, PROGRESS, self._on_progress)
        listen(runner, SHARE, self._on_share)
        listen(runner, FAILED, self._on_failed)

    def run(self, report: Callable[[Progress], None]) -> None:
        """Let the workers carry out the plan and write the outcome; EngineError where they cannot."""
        self._workers = workers_of(self._runner)
        for worker in self._workers:
            self._clocks[worker] = self._compare_clocks(worker)
        for index, worker in enumerate(self._workers):
            self._runner.send_message(PART, {"index": index, "of": len(self._workers)}, client_id=worker)
        self._await(self._ready)
        self._silent_s.clear()  # silence before the start affects no measurement
        starts_at = time.time() + LEAD_S
        self._runner.send_message(START, {"starts_at": starts_at})
        watch = gevent.spawn(self._watch, starts_at, report)
        try:
            self._await(self._shares)
        finally:
            watch.kill()
        if not self._shares:
            raise EngineError("every worker was lost")
        self._write(starts_at)

    def _compare_clocks(self, worker: str) -> tuple[float, float]:
        """A worker's clock minus this one and the error of the difference, in seconds, from the quickest exchange."""
        quickest = (0.0, math.inf)
        for _ in range(PINGS):
            self._pong = AsyncResult()
            sent = time.time()
            self._runner.send_message(PING, client_id=worker)
            try:
                theirs = self._pong.get(timeout=ANSWER_S)
            except gevent.Timeout:  # no Exception: other handlers would not treat it as a failure
                host = host_of(worker)
                raise EngineError(f"the worker on {host} joined, and did not answer for {ANSWER_S:.0f} s") from None
            received = time.time()
            error = (received - sent) / 2
            if error < quickest[1]:
                quickest = (theirs - (sent + received) / 2, error)
        return quickest

    def _await(self, done: Collection[str]) -> None:
        """Wait until every worker is in `done` or lost, and add up how long each worker was missing."""
        while not all(worker in done or is_missing(self._runner, worker) for worker in self._workers):
            gevent.sleep(POLL_S)
            for worker in self._workers:
                if worker not in done and is_missing(self._runner, worker):
                    self._silent_s[worker] = self._silent_s.get(worker, 0.0) + POLL_S

    def _watch(self, starts_at: float, report: Callable[[Progress], None]) -> None:
        """Once a second, shortly after the workers: report their progress, and apply the abort rule."""
        second = 0
        while True:
            second += 1
            gevent.sleep(max(0.0, starts_at + second + SETTLE_S - time.time()))
            if not self._progress:
                continue
            merged = summary.progress(list(self._progress.values()))
            report(merged)
            counts = add_up(progress.counts for progress in self._uncounted)
            self._uncounted.clear()
            end = self._ending.add(counts, time.time() - starts_at) if merged.phase == "measure" else None
            if end is not None:
                self._runner.send_message(END, {"end": end})

    def _write(self, starts_at: float) -> None:
        for worker in self._workers:
            if worker not in self._shares:
                log.error("%s was lost, and its part of the load with it", worker)
        shares = [self._shares[worker] for worker in self._workers if worker in self._shares]
        workers = [self._describe(index, worker) for index, worker in enumerate(self._workers)]
        summary.write(self._plan, starts_at, shares, self._ending, workers)

    def _describe(self, index: int, worker: str) -> Worker:
        share = self._shares.get(worker)
        ahead, error = (1e3 * seconds for seconds in self._clocks[worker])
        name, silent_s = f"worker {index + 1} on {host_of(worker)}", round(self._silent_s.get(worker, 0.0), 1)
        return Worker(
            name, share is None, share.cpu_percent if share else [], round(ahead, 3), round(error, 3), silent_s
        )

    def _on_plan(self, msg: Message) -> None:
        source = Path(self._plan.locustfile).read_text() if self._plan.locustfile else ""
        data = {"plan": msgspec.json.encode(self._plan), "locustfile": source}
        self._runner.send_message(PLAN, data, client_id=msg.node_id)

    def _on_progress(self, msg: Message) -> None:
        progress = msgspec.msgpack.decode(msg.data["progress"], type=Progress)
        self._progress[msg.node_id] = progress
        self._uncounted.append(progress)

    def _on_share(self, msg: Message) -> None:
        self._shares[msg.node_id] = Share.decode(msg.data["share"])

    def _on_failed(self, msg: Message) -> None:
        self._on_failure(f"{msg.data['why']} (worker on {host_of(msg.node_id)})")
