"""Checks every private name that likestorm.generator.locust_adapter uses, and prints those that changed, as JSON.

`python -m tests.likestorm.generator.contract` is a process of its own, since Locust replaces the standard library's
sockets. Each check is named after the private name; its failure is the exception that it raises.
"""

import fcntl
import json
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
from gevent import socket
from gevent.pywsgi import WSGIServer
from geventhttpclient.client import HTTPClient
from likestorm.generator import locust_adapter
from likestorm.generator.locust_adapter import Connections, MasterLink, SecureConnections, Turns
from locust import FastHttpUser, HttpUser, SequentialTaskSet, TaskSet, User, task
from locust.env import Environment
from locust.runners import STATE_MISSING, MasterRunner
from locust.user.task import DefaultTaskSet

BEYOND_SELECT = 1100
CHECKS: dict[str, Callable[[], None]] = {}


def check(name: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Register a check of a private name."""

    def register(function: Callable[[], None]) -> Callable[[], None]:
        CHECKS[name] = function
        return function

    return register


def equal(found: object, expected: object) -> None:
    """Raise where they differ."""
    if found != expected:
        raise AssertionError(f"{found!r}, expected {expected!r}")


@contextmanager
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a connection."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
        with near, far:
            yield near, far


@check("geventhttpclient.client.ConnectionPool, SSLConnectionPool, HTTPClient._connection_pool")
def pools() -> None:
    equal(type(HTTPClient("127.0.0.1", 1)._connection_pool), Connections)
    equal(type(HTTPClient("127.0.0.1", 1, ssl=True)._connection_pool), SecureConnections)


@check("geventhttpclient.connectionpool.ConnectionPool._is_socket_alive")
def kept_connections() -> None:
    pool = HTTPClient("127.0.0.1", 1)._connection_pool
    with pair() as (near, far):
        high = socket.socket(fileno=fcntl.fcntl(near.fileno(), fcntl.F_DUPFD, BEYOND_SELECT))
        for open_and_silent in (near, high):
            pool._semaphore.acquire()
            pool.return_socket(open_and_silent)
            equal(pool.get_socket(), open_and_silent)
            pool._semaphore.release()
        far.send(b"unexpected")
        gevent.sleep(0.01)
        equal(pool._is_socket_alive(near), False)
        near.recv(100)
        equal(pool._is_socket_alive(near), True)
        far.close()
        gevent.sleep(0.01)
        equal(pool._is_socket_alive(near), False)
        high.close()
        equal((pool._is_socket_alive(high), pool._is_socket_alive(None)), (False, False))


class Listener:
    """Collects request events."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    def fire(self, **meta: Any) -> None:
        self.seen.append(meta)


@check("gevent.config.track_greenlet_tree")
def greenlet_tree() -> None:
    equal(gevent.spawn(gevent.sleep, 0).spawning_stack, None)


@check("gevent.hub.Hub.switch, gevent.hub.Hub.loop.run_callback")
def parking() -> None:
    seen: list[int] = []

    def run() -> None:
        for number in range(3):
            seen.append(number)
            locust_adapter.park()

    greenlet = gevent.spawn(run)
    gevent.sleep(0)
    equal(seen, [0])
    locust_adapter.wake(greenlet)
    equal(seen, [0])
    gevent.sleep(0)
    equal(seen, [0, 1])
    greenlet.kill()


@check("FastHttpSession.request_event, HttpSession.request_event")
def request_events() -> None:
    def answer(_: dict[str, Any], start: Callable[..., object]) -> list[bytes]:
        start("200 OK", [("Server-Timing", "db;dur=1")])
        return [b"ok"]

    with WSGIServer(("127.0.0.1", 0), answer, log=None) as server:
        server.start()
        for kind in (FastHttpUser, HttpUser):
            user_class = type("Asker", (kind,), {"host": f"http://127.0.0.1:{server.server_port}", "abstract": True})
            user, listener = user_class(Environment()), Listener()
            locust_adapter.send_request_events_to(user, listener)
            user.client.get("/page", name="page")
            user.client.get("http://127.0.0.1:1/", name="refused")
            page, refused = listener.seen
            equal((page["name"], page["exception"], page["url"]), ("page", None, f"{user.host}/page"))
            equal(page["response"].headers.get("Server-Timing"), "db;dur=1")
            equal((page["response_time"] > 0, refused["exception"] is None), (True, False))


class Script(Turns):
    """Turns that note what happens and take tasks in order."""

    def __init__(self, turns: int) -> None:
        self.left, self.done = turns, list[str]()

    def wait(self) -> None:
        self.done.append("wait")
        self.left -= 1
        if self.left < 0:
            raise gevent.GreenletExit

    def choose(self, tasks: Sequence[Any]) -> Any:
        self.done.append(f"choose of {len(tasks)}")
        return tasks[0]


class Visitor(User):
    """A user with a nested TaskSet that is left after two steps."""

    script: Script

    def on_start(self) -> None:
        self.script.done.append("on_start")

    def on_stop(self) -> None:
        self.script.done.append("on_stop")

    @task
    class Order(SequentialTaskSet):
        @task
        def first(self) -> None:
            self.user.script.done.append("first")  # type: ignore[attr-defined]

        @task
        def leave(self) -> None:
            self.user.script.done.append("leave")  # type: ignore[attr-defined]
            self.interrupt()  # type: ignore[no-untyped-call]


@check("TaskSet.wait, locust.user.task.DefaultTaskSet.get_next_task")
def turns() -> None:
    user = Visitor(Environment())
    user.script = Script(3)
    locust_adapter.run_by_turns(user, user.script, lambda: user.script.done.append("ready"))
    order = ["choose of 1", "first", "wait", "leave"]
    equal(user.script.done, ["on_start", "ready", "wait", *order, *order, *order[:3], "on_stop"])


@check("User._state, User._taskset_instance as User.run sets them")
def state() -> None:
    seen: list[object] = []

    class Watched(User):
        @task
        def look(self) -> None:
            seen.extend([self._state, type(self._taskset_instance)])
            raise gevent.GreenletExit

    Watched(Environment()).run()  # type: ignore[no-untyped-call]
    equal(seen, ["running", DefaultTaskSet])


@check("TaskSet.wait without turns")
def locusts_own_wait() -> None:
    class Patient(User):
        waits = 0

        def wait_time(self) -> float:
            self.waits += 1
            if self.waits == 3:
                raise gevent.GreenletExit
            return 0.0

        @task
        class Nested(TaskSet):
            @task
            def look(self) -> None:
                pass

    user = Patient(Environment())
    user.run()  # type: ignore[no-untyped-call]
    equal(user.waits, 3)


@check("User.start, User.stop")
def stopping() -> None:
    group = gevent.pool.Group()

    class Sleeper(User):
        ended = False

        @task
        def sleep(self) -> None:
            gevent.sleep(0.05)
            self.ended = True

    user = Sleeper(Environment())
    user.start(group)
    gevent.sleep(0.01)
    user.stop()
    group.join(timeout=1)
    equal((len(group), user.ended), (0, True))


@contextmanager
def master() -> Iterator[tuple[MasterRunner, int]]:
    """A master that listens on loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    runner = Environment(user_classes=[Visitor]).create_master_runner("127.0.0.1", port)
    try:
        yield runner, port
    finally:
        runner.greenlet.kill(block=False)
        runner.server.close(linger=0)  # type: ignore[no-untyped-call]


@check("locust.rpc.Message, locust.rpc.zmqrpc.Client, MasterRunner.register_message from a process that is no worker")
def link() -> None:
    with master() as (runner, port):
        link = MasterLink("127.0.0.1", port)
        equal(link.ask("question", 0.1), None)
        runner.register_message(
            "question", lambda msg, **_: runner.send_message("answer", {"is": 42}, client_id=msg.node_id)
        )
        equal(link.ask("question", 10.0), {"is": 42})
        link.close()


@check("MasterRunner.clients, MasterRunner.get_worker_index, locust.runners.STATE_MISSING")
def workers() -> None:
    with master() as (runner, port):
        links = [MasterLink("127.0.0.1", port) for _ in range(2)]
        for number, each in enumerate(links, 1):
            each.tell("client_ready", -1)
            with gevent.Timeout(10):
                while len(runner.clients) < number:
                    gevent.sleep(0.01)
        found = locust_adapter.workers_of(runner)
        equal(found, [each._id for each in links])
        equal(locust_adapter.host_of(found[0]), socket.gethostname())
        equal(locust_adapter.is_missing(runner, found[0]), False)
        runner.clients[found[0]].state = STATE_MISSING
        equal([locust_adapter.is_missing(runner, each) for each in (*found, "gone_0")], [True, False, True])
        for each in links:
            each.close()


@check("locust.util.load_locustfile.load_locustfile")
def locustfiles() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "own.py"
        path.write_text("from locust import User, task\nclass Own(User):\n    @task\n    def do(self): pass\n")
        equal(list(locust_adapter.load_user_classes(str(path))), ["Own"])


def main() -> None:
    """Run all checks."""
    locust_adapter.install()
    failures = {}
    for name, function in CHECKS.items():
        try:
            function()
        except Exception as error:
            traceback.print_exc()
            failures[name] = f"{type(error).__name__}: {error}"
    json.dump({"checked": list(CHECKS), "failures": failures}, sys.stdout)


if __name__ == "__main__":
    main()
