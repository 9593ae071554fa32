"""The two sides of a run on several processes: the conductor beside Locust's master, a player beside each worker.

Once all workers are there, the conductor compares their clocks with its own and gives each its part of the schedules:
of N workers, the k-th takes every N-th arrival from the k-th on. It states the moment of the start as a time of day.
A player that is done sends all that it measured; only when every player has, or is lost, are they told to quit.
What a lost player would have offered is offered by nobody. One that comes back in time hands over all that it measured.
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
from locust.env import Environment
from locust.rpc import Message
from locust.runners import STATE_MISSING, DistributedRunner, MasterRunner, WorkerRunner

from likestorm.generator import totals
from likestorm.generator.abort_rule import EarlyEnd
from likestorm.generator.engine import Engine, EngineError, Users
from likestorm.generator.plan import HELLO, Plan, Progress, Share
from likestorm.results.record.traffic import Worker
from likestorm.scenario.schedule import Part

log = logging.getLogger(__name__)

PING, PONG, PART, READY, START, END, PROGRESS, SHARE, FAILED = (
    f"likestorm-{name}" for name in ("ping", "pong", "part", "ready", "start", "end", "progress", "share", "failed")
)
LEAD_S = 0.5
"""Between the last preparation and the first second of the schedules, so that the first arrivals are not late."""
PINGS = 8
POLL_S = 0.1
SETTLE_S = 0.3
ANSWER_S = 10.0


class Conductor:
    """Master's side: carries out a plan on all workers that are connected."""

    def __init__(self, runner: MasterRunner, plan: Plan) -> None:
        self._runner, self._plan = runner, plan
        self._players: list[str] = []
        self._pong = AsyncResult()
        self._clocks: dict[str, tuple[float, float]] = {}
        self._ready: set[str] = set()
        self._shares: dict[str, Share] = {}
        self._silent_s: dict[str, float] = {}
        self._progress: dict[str, Progress] = {}
        self._uncounted: list[Progress] = []
        self._ending = EarlyEnd(plan.scenario)
        self._failure = ""
        _listen(runner, HELLO, self._on_hello)
        _listen(runner, PONG, self._on_pong)
        _listen(runner, READY, self._on_ready)
        _listen(runner, PROGRESS, self._on_progress)
        _listen(runner, SHARE, self._on_share)
        _listen(runner, FAILED, self._on_failed)

    def conduct(self, report: Callable[[Progress], None]) -> None:
        """Let the workers carry out the plan, and write the outcome; EngineError where that cannot be."""
        self._players = sorted(self._runner.clients, key=self._runner.get_worker_index)
        for player in self._players:
            self._clocks[player] = self._compare_clocks(player)
        for index, player in enumerate(self._players):
            self._runner.send_message(PART, {"index": index, "of": len(self._players)}, client_id=player)
        self._await(self._ready)
        self._silent_s.clear()  # of what was before the start, nothing is measured
        starts_at = time.time() + LEAD_S
        self._runner.send_message(START, {"starts_at": starts_at})
        watch = gevent.spawn(self._watch, starts_at, report)
        try:
            self._await(self._shares)
        finally:
            watch.kill()
        if not self._shares:
            raise EngineError("every worker was lost")
        self._conclude(starts_at)

    def _compare_clocks(self, player: str) -> tuple[float, float]:
        """By how many seconds a worker's clock is ahead, and how wrong that may be; the quickest exchange counts."""
        quickest = (0.0, math.inf)
        for _ in range(PINGS):
            self._pong = AsyncResult()
            sent = time.time()
            self._runner.send_message(PING, client_id=player)
            try:
                theirs = self._pong.get(timeout=ANSWER_S)
            except gevent.Timeout:  # not an Exception: nobody else would take it for a failure
                name = player.rpartition("_")[0]
                raise EngineError(f"the worker on {name} joined, and did not answer for {ANSWER_S:.0f} s") from None
            received = time.time()
            error = (received - sent) / 2
            if error < quickest[1]:
                quickest = (theirs - (sent + received) / 2, error)
        return quickest

    def _await(self, done: Collection[str]) -> None:
        """Until every player that is not lost is among `done`; EngineError where one says that it cannot go on."""
        while not all(player in done or self._is_lost(player) for player in self._players):
            if self._failure:
                raise EngineError(self._failure)
            gevent.sleep(POLL_S)
            for player in self._players:
                if player not in done and self._is_lost(player):
                    self._silent_s[player] = self._silent_s.get(player, 0.0) + POLL_S

    def _is_lost(self, player: str) -> bool:
        """Whether a worker has gone, or has been silent for as long as Locust allows."""
        client = self._runner.clients.get(player)
        return client is None or client.state == STATE_MISSING

    def _watch(self, starts_at: float, report: Callable[[Progress], None]) -> None:
        """Once a second, a while after the workers, so that all speak of the same one: tell; see whether to end."""
        second = 0
        while True:
            second += 1
            gevent.sleep(max(0.0, starts_at + second + SETTLE_S - time.time()))
            if not self._progress:
                continue
            merged = totals.progress(list(self._progress.values()))
            report(merged)
            counts, self._uncounted = totals.counts(self._uncounted), []
            end = self._ending.add(counts, time.time() - starts_at) if merged.phase == "measure" else None
            if end is not None:
                self._runner.send_message(END, {"end": end})

    def _conclude(self, starts_at: float) -> None:
        shares = [self._shares[player] for player in self._players if player in self._shares]
        lost = [player for player in self._players if player not in self._shares]
        for player in lost:
            log.error("%s was lost, and its part of the load with it", player)
        recorder = totals.recorded(self._plan, shares)
        generator = totals.generator(recorder, shares, [self._describe(player) for player in self._players])
        totals.conclude(self._plan, starts_at, recorder, generator, totals.journals(shares), self._ending)

    def _describe(self, player: str) -> Worker:
        share = self._shares.get(player)
        ahead, error = (1e3 * seconds for seconds in self._clocks[player])
        # Locust's id is the host's name and a number drawn by lot.
        name = f"worker {self._players.index(player) + 1} on {player.rpartition('_')[0]}"
        cpu_percent, silent_s = share.cpu_percent if share else [], round(self._silent_s.get(player, 0.0), 1)
        return Worker(name, share is None, cpu_percent, round(ahead, 3), round(error, 3), silent_s)

    def _on_hello(self, msg: Message) -> None:
        """A process that wants to become a worker asks for the plan."""
        source = Path(self._plan.locustfile).read_text() if self._plan.locustfile else ""
        orders = {"plan": msgspec.json.encode(self._plan), "locustfile": source}
        self._runner.send_message(HELLO, orders, client_id=msg.node_id)

    def _on_pong(self, msg: Message) -> None:
        self._pong.set(msg.data["time"])

    def _on_ready(self, msg: Message) -> None:
        self._ready.add(msg.node_id)

    def _on_progress(self, msg: Message) -> None:
        progress = msgspec.msgpack.decode(msg.data["progress"], type=Progress)
        self._progress[msg.node_id] = progress
        self._uncounted.append(progress)

    def _on_share(self, msg: Message) -> None:
        self._shares[msg.node_id] = msgspec.msgpack.decode(msg.data["share"], type=Share)

    def _on_failed(self, msg: Message) -> None:
        self._failure = self._failure or msg.data["why"]


class Player:
    """A worker's side: carries out the part that it is given."""

    def __init__(self, environment: Environment, runner: WorkerRunner, plan: Plan, users: Users) -> None:
        self._environment, self._runner = environment, runner
        self._plan, self._users = plan, users
        self._engine: Engine | None = None
        _listen(runner, PING, self._on_ping)
        _listen(runner, PART, self._on_part, concurrent=True)
        _listen(runner, START, self._on_start, concurrent=True)
        _listen(runner, END, self._on_end)

    def fail(self, why: str) -> None:
        """Let the conductor know that this worker cannot go on."""
        self._runner.send_message(FAILED, {"why": why})

    def _on_ping(self, _: Message) -> None:
        self._runner.send_message(PONG, {"time": time.time()})

    def _on_part(self, msg: Message) -> None:
        try:
            self._engine = Engine(self._environment, self._plan, Part(msg.data["index"], msg.data["of"]), self._users)
        except EngineError as error:
            self.fail(str(error))
            return
        self._runner.send_message(READY)

    def _on_start(self, msg: Message) -> None:
        if self._engine is None:
            return
        try:
            self._engine.run(msg.data["starts_at"], self._report)
            # What Locust's own statistics still hold goes first: after the share, the conductor may say good-bye.
            self._runner._send_stats()
            self._runner.send_message(SHARE, {"share": msgspec.msgpack.encode(self._engine.share())})
        except Exception as error:
            log.exception("the engine broke down")
            self.fail(f"{type(error).__name__}: {error}")

    def _on_end(self, msg: Message) -> None:
        if self._engine is not None:
            self._engine.end_at(msg.data["end"])

    def _report(self, progress: Progress) -> None:
        self._runner.send_message(PROGRESS, {"progress": msgspec.msgpack.encode(progress)})


def _listen(runner: DistributedRunner, kind: str, act: Callable[[Message], None], *, concurrent: bool = False) -> None:
    """Act on messages of one kind, which Locust hands over with its environment."""

    def listener(msg: Message, **_: Environment) -> None:
        act(msg)

    runner.register_message(kind, listener, concurrent=concurrent)
