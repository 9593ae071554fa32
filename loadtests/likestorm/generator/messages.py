"""The messages between the coordinator and its workers, sent by Locust's runners."""

from __future__ import annotations

from collections.abc import Callable

from locust.env import Environment
from locust.rpc import Message
from locust.runners import DistributedRunner

PLAN = "likestorm-plan"
"""A process that wants to become a worker asks for the plan; the coordinator answers with it."""
PING, PONG = "likestorm-ping", "likestorm-pong"
"""The coordinator asks for a worker's clock; the worker answers."""
PART, READY = "likestorm-part", "likestorm-ready"
"""The coordinator assigns a part of the schedules; the worker answers once it is prepared."""
START = "likestorm-start"
"""The coordinator tells when the schedules begin."""
PROGRESS = "likestorm-progress"
"""A worker reports its progress."""
END = "likestorm-end"
"""The coordinator moves the end of the window."""
SHARE = "likestorm-share"
"""A worker sends everything that it measured."""
FAILED = "likestorm-failed"
"""A worker cannot go on, and says why."""


def listen(runner: DistributedRunner, kind: str, act: Callable[[Message], None], *, concurrent: bool = False) -> None:
    """Call `act` for each message of one kind, in a greenlet of its own if concurrent."""

    def listener(msg: Message, **_: Environment) -> None:
        act(msg)

    runner.register_message(kind, listener, concurrent=concurrent)
