"""Joins a run that somebody else leads: fetches its plan from there, then works for it until it is told to quit.

The plan names code that runs here. Neither side proves who it is, so join only who you trust, on a network you trust.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from uuid import uuid4

import msgspec
import zmq

from likestorm.generator.launcher import (
    MASTER_PORT,
    SwarmError,
    locust_command,
    locust_environment,
    stop,
    worker_arguments,
)
from likestorm.generator.plan import HELLO, PLAN_VARIABLE, Plan

ASK_MS = 1000


def join(master: str, patience_s: float) -> int:
    """Work for the run that is led at HOST[:PORT]; returns Locust's exit status. SwarmError where nobody answers."""
    host, _, port = master.partition(":")
    address = host, int(port or MASTER_PORT)
    plan, source = _fetch(*address, patience_s)
    with tempfile.TemporaryDirectory(prefix="likestorm-worker-") as folder:
        here = Path(folder)
        if plan.locustfile and not _is_here(plan.locustfile, source):
            file = here / Path(plan.locustfile).name
            file.write_text(source)
            plan = msgspec.structs.replace(plan, locustfile=str(file))
        plan_file = here / "plan.json"
        plan_file.write_bytes(msgspec.json.encode(plan))
        environment = locust_environment({PLAN_VARIABLE: str(plan_file)})
        # Its address: where load goes is checked by name, and the master is nobody who gets any.
        arguments = worker_arguments(socket.gethostbyname(address[0]), address[1])
        process = subprocess.Popen(locust_command(arguments), env=environment, start_new_session=True)
        # As an exception: a handler that waits for the process would wait for the lock that the wait below holds.
        signal.signal(signal.SIGTERM, _leave)
        try:
            return process.wait()
        except _ToldToEnd:
            return 128 + signal.SIGTERM
        finally:
            stop(process)


class _ToldToEnd(Exception):  # noqa: N818  # no error
    """Somebody wants this worker to end."""


def _leave(*_: object) -> None:
    raise _ToldToEnd


def _fetch(host: str, port: int, patience_s: float) -> tuple[Plan, str]:
    """The plan and the text of its locustfile, from the process that leads, which may not be there yet."""
    identity = f"{socket.gethostname()}_{uuid4().hex}"
    # Locust's form of a message, made by hand: Locust itself must be imported before everything else, or not at all.
    question = msgspec.msgpack.encode((HELLO, None, identity))
    deadline = time.monotonic() + patience_s
    with zmq.Context() as context, context.socket(zmq.DEALER) as asking:
        asking.setsockopt(zmq.IDENTITY, identity.encode())
        asking.setsockopt(zmq.LINGER, 0)
        asking.connect(f"tcp://{host}:{port}")
        while time.monotonic() < deadline:
            asking.send(question)
            if asking.poll(ASK_MS):
                _, orders, _ = msgspec.msgpack.decode(asking.recv())
                return msgspec.json.decode(orders["plan"], type=Plan), orders["locustfile"]
    raise SwarmError(f"nobody leads a run at {host}:{port}: none answered for {patience_s:.0f} s")


def _is_here(path: str, source: str) -> bool:
    """Whether this machine has the same file at the same place, and so perhaps what it imports beside it."""
    file = Path(path)
    return file.is_file() and file.read_text() == source
