"""A locustfile with users of every kind, for tests of the locustfile adapter; it imports nothing but Locust."""

import time

from locust import FastHttpUser, HttpUser, SequentialTaskSet, TaskSet, constant, events, task

started: list[float] = []


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def note(**_: object) -> None:
    started.append(time.time())


class Fast(FastHttpUser):
    """Two weighted tasks, and a login that the other requests need."""

    wait_time = constant(1000)
    weight = 3
    logged_in = False

    def on_start(self) -> None:
        self.client.get("/slow", name="login")
        self.logged_in = True

    @task(3)
    def often(self) -> None:
        self.client.get("/", name="often" if self.logged_in and started else "before the login")

    @task(1)
    def seldom(self) -> None:
        self.client.get("/", name="seldom")
        self.client.get("/slow", name="second step")


class Plain(HttpUser):
    """A user of the client `requests` with nested and sequential TaskSets."""

    wait_time = constant(1000)

    @task
    class Outer(TaskSet):
        @task(2)
        class Order(SequentialTaskSet):
            @task
            def first(self) -> None:
                self.client.get("/", name="order 1")

            @task
            def second(self) -> None:
                self.client.get("/", name="order 2")

            @task
            def leave(self) -> None:
                self.interrupt()  # type: ignore[no-untyped-call]

        @task(1)
        def alone(self) -> None:
            self.client.get("/", name="alone")


class Broken(HttpUser):
    """Tasks with every kind of failure."""

    @task
    def error(self) -> None:
        self.client.get("/500", name="500")

    @task
    def crash(self) -> None:
        self.client.get("/", name="before the crash")
        raise ValueError("the task itself is broken")

    @task
    def slow(self) -> None:
        self.client.get("/hang", name="timeout", timeout=0.5)


class Redirected(HttpUser):
    """A user that the target redirects to another host."""

    @task
    def follow(self) -> None:
        self.client.get("/redirected", name="redirect")


class Waiting(FastHttpUser):
    """A closed-model user with a wait of 0.45 s."""

    wait_time = constant(0.45)

    @task
    def look(self) -> None:
        self.client.get("/", name="look")
