"""A locustfile like anybody's: nothing in it knows of Likestorm."""

import random

from locust import FastHttpUser, HttpUser, SequentialTaskSet, between, task


class Visitor(FastHttpUser):
    """Looks around."""

    weight = 4
    wait_time = between(1, 5)

    def on_start(self) -> None:
        self.client.get("/", name="first visit")

    @task(3)
    def item(self) -> None:
        self.client.get(f"/items/{random.randint(1, 2)}.html", name="item")

    @task(1)
    def home(self) -> None:
        self.client.get("/", name="home")


class Customer(HttpUser):
    """Looks at a thing, then puts it into the cart, over and over."""

    weight = 1
    wait_time = between(1, 5)

    @task
    class Buy(SequentialTaskSet):
        @task
        def choose(self) -> None:
            self.client.get("/items/1.html", name="item to buy")

        @task
        def take(self) -> None:
            self.client.post("/cart", name="cart")
