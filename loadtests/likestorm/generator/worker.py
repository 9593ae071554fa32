"""A worker's side of a run on several processes: it carries out the part that the coordinator assigns."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec
from locust.env import Environment
from locust.rpc import Message
from locust.runners import WorkerRunner

from likestorm.generator.engine import Engine, EngineError, Users
from likestorm.generator.locust_adapter import MasterLink
from likestorm.generator.messages import END, FAILED, PART, PING, PLAN, PONG, PROGRESS, READY, SHARE, START, listen
from likestorm.generator.plan import Plan
from likestorm.results.progress import Progress
from likestorm.scenario.schedule import Part

log = logging.getLogger(__name__)

Loaded = TypeVar("Loaded")


class Worker:
    """Carries out one part of a plan and sends the coordinator what it measured."""

    def __init__(self, environment: Environment, runner: WorkerRunner, plan: Plan, users: Users) -> None:
        self._environment, self._runner = environment, runner
        self._plan, self._users = plan, users
        self._engine: Engine | None = None
        listen(runner, PING, lambda _: runner.send_message(PONG, {"time": time.time()}))
        listen(runner, PART, self._on_part, concurrent=True)
        listen(runner, START, self._on_start, concurrent=True)
        listen(runner, END, self._on_end)

    def fail(self, why: str) -> None:
        """Tell the coordinator that this worker cannot go on."""
        self._runner.send_message(FAILED, {"why": why})

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
            self._runner.send_message(SHARE, {"share": self._engine.share().encode()})
        except Exception as error:
            log.exception("the engine failed")
            self.fail(f"{type(error).__name__}: {error}")

    def _on_end(self, msg: Message) -> None:
        if self._engine is not None:
            self._engine.end_at(msg.data["end"])

    def _report(self, progress: Progress) -> None:
        self._runner.send_message(PROGRESS, {"progress": msgspec.msgpack.encode(progress)})


def fetch_plan(master: str, patience_s: float, load: Callable[[Plan], Loaded]) -> Loaded:
    """What `load` makes of the plan of the master at HOST:PORT; EngineError without an answer.

    The coordinator learns about an EngineError of `load`.
    """
    host, _, port = master.rpartition(":")
    link = MasterLink(host, int(port))
    try:
        answer = link.ask(PLAN, patience_s)
        if answer is None:
            raise EngineError(f"no master at {master}: no answer for {patience_s:.0f} s")
        with _with_locustfile(msgspec.json.decode(answer["plan"], type=Plan), answer["locustfile"]) as plan:
            try:
                return load(plan)
            except EngineError as error:
                link.tell(FAILED, {"why": str(error)})
                raise
    finally:
        link.close()


@contextmanager
def _with_locustfile(plan: Plan, source: str) -> Iterator[Plan]:
    """The plan with a locustfile of this text: this machine's file, or else a copy for the time of the block."""
    file = Path(plan.locustfile)
    if not plan.locustfile or (file.is_file() and file.read_text() == source):
        yield plan
        return
    with tempfile.TemporaryDirectory(prefix="likestorm-worker-") as folder:
        copy = Path(folder) / file.name
        copy.write_text(source)
        yield msgspec.structs.replace(plan, locustfile=str(copy))
