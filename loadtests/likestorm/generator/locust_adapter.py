"""Everything that Locust, gevent and geventhttpclient keep private or do not document, and nothing else uses.

tests/likestorm/generator/test_locust_adapter.py holds each of these names and fails by name when a library changes it.
"""

from __future__ import annotations

import select
import socket as standard_socket
import time
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

import gevent
import geventhttpclient.client
from gevent import GreenletExit, monkey, socket
from geventhttpclient.connectionpool import ConnectionPool, SSLConnectionPool
from locust import FastHttpUser, HttpUser, TaskSet, User
from locust.exception import StopTest, StopUser
from locust.rpc import Message
from locust.rpc.zmqrpc import Client
from locust.runners import STATE_MISSING, MasterRunner
from locust.user.task import DefaultTaskSet
from locust.util.load_locustfile import load_locustfile

HttpLocustUser = HttpUser | FastHttpUser
ASK_S = 1.0

_poll = monkey.get_original("select", "poll")


class Connections(ConnectionPool):
    """A virtual user's kept connections to one host over TCP: the place where a request's socket is made and checked.

    geventhttpclient checks a kept connection with select(), which it got with its pull request 240
    (https://github.com/geventhttpclient/geventhttpclient/pull/240). select() accepts no descriptor from 1,024 on and
    geventhttpclient takes its error for a closed connection, so that with more virtual users every request would open a
    connection. No issue of geventhttpclient reports this.
    """

    def _is_socket_alive(self, sock: socket.socket | None) -> bool:
        return _is_reusable(sock)


class SecureConnections(SSLConnectionPool):
    """A virtual user's kept connections to one host over TLS."""

    def _is_socket_alive(self, sock: socket.socket | None) -> bool:
        return _is_reusable(sock)


def _is_reusable(sock: socket.socket | None) -> bool:
    """Whether a connection is open and silent, as an idle one must be."""
    # Other greenlets run first, as in gevent's select(): requests that are then sent together cost a fifth less each.
    gevent.sleep(0)
    if sock is None or sock.fileno() < 0:
        return False
    poll = _poll()
    poll.register(sock, select.POLLIN)
    return not poll.poll(0)


def install() -> None:
    """Make every HTTP client of geventhttpclient in this process use these connections."""
    # gevent's record of which greenlet started another reads every frame of the stack, once an arrival.
    gevent.config.track_greenlet_tree = False
    geventhttpclient.client.ConnectionPool = Connections  # type: ignore[attr-defined]
    geventhttpclient.client.SSLConnectionPool = SecureConnections  # type: ignore[attr-defined]


def park() -> None:
    """Suspend this greenlet until another one wakes it."""
    gevent.get_hub().switch()


def wake(greenlet: gevent.Greenlet) -> None:
    """Let a parked greenlet go on when the event loop runs next."""
    gevent.get_hub().loop.run_callback(greenlet.switch)


def send_request_events_to(user: HttpLocustUser, listener: object) -> None:
    """Call `listener.fire` for every request of this user, in place of Locust's event."""
    user.client.request_event = listener


def load_user_classes(path: str) -> dict[str, type[User]]:
    """The user classes of a locustfile by name; raises what the file raises, SystemExit included."""
    users, _ = load_locustfile(path)
    return users


class Turns:
    """What a user does between its tasks in place of Locust's wait, and which task it takes next."""

    def wait(self) -> None:
        """Wait until the user may go on."""
        raise NotImplementedError

    def choose(self, tasks: Sequence[Any]) -> Any:
        """One of the user's tasks, each listed as often as its weight."""
        raise NotImplementedError


class _ChosenTasks(DefaultTaskSet):
    """A user's tasks in the order that its turns choose."""

    def get_next_task(self) -> Any:
        return turns_of(self.user).choose(self.user.tasks)  # type: ignore[union-attr]


def run_by_turns(user: User, turns: Turns, on_ready: Callable[[], None]) -> None:
    """Run a user as Locust's User.run does, with a wait before the first task and with its turns between tasks.

    on_ready is called after on_start. Returns after on_stop; an exception of on_start is raised.
    """
    user.likestorm_turns = turns  # type: ignore[attr-defined]
    user._state = "running"
    tasks = user._taskset_instance = _ChosenTasks(user)
    try:
        user.on_start()
        on_ready()
        turns.wait()
        tasks.run()  # type: ignore[no-untyped-call]
    except (StopUser, StopTest, GreenletExit):
        user.on_stop()  # type: ignore[no-untyped-call]


def turns_of(user: User) -> Turns | None:
    """The turns by which a user runs; None for a user that Locust runs."""
    return getattr(user, "likestorm_turns", None)


_locusts_wait = TaskSet.wait


def _wait(tasks: TaskSet) -> None:
    """Takes the place of Locust's wait in TaskSets of every depth."""
    if turns := turns_of(tasks.user):
        turns.wait()
    else:
        _locusts_wait(tasks)  # type: ignore[no-untyped-call]


TaskSet.wait = _wait  # type: ignore[method-assign]


def workers_of(runner: MasterRunner) -> list[str]:
    """The ids of the connected workers, in the order in which they connected."""
    return sorted(runner.clients, key=runner.get_worker_index)


def is_missing(runner: MasterRunner, worker: str) -> bool:
    """Whether a worker has disconnected, or has been silent for as long as Locust allows."""
    client = runner.clients.get(worker)
    return client is None or client.state == STATE_MISSING


def host_of(worker: str) -> str:
    """The host's name in a worker's id."""
    return worker.rpartition("_")[0]


class MasterLink:
    """A connection to a master from a process that is not yet its worker."""

    def __init__(self, host: str, port: int) -> None:
        self._id = f"{standard_socket.gethostname()}_{uuid4().hex}"
        self._client = Client(host, port, self._id)  # type: ignore[no-untyped-call]

    def ask(self, kind: str, patience_s: float) -> Any:
        """Send a message without data until the master answers; returns the answer's data, None at the timeout."""
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            self.tell(kind)
            with gevent.Timeout(ASK_S, exception=False):
                return self._client.recv().data  # type: ignore[no-untyped-call]
        return None

    def tell(self, kind: str, data: Any = None) -> None:
        """Send a message."""
        self._client.send(Message(kind, data, self._id))  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Close the connection once everything is sent."""
        self._client.close(linger=1000)  # type: ignore[no-untyped-call]
