"""The same requests by Locust as it comes: FastHttpUser, wait times of its own, percentiles of its own.

A locustfile; what it is to do stands in the environment, as JSON of a `Stock`. Users start at random moments of the
time between two requests of one user, so that they do not all ask at once.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from random import Random
from typing import Any

import gevent
import msgspec
from likestorm.generator.realtime import go_first
from locust import FastHttpUser, constant, constant_throughput, events, task
from locust.env import Environment

from loadtests.accuracy.drive import STOCK_VARIABLE, Reported, Stock

_stock = msgspec.json.decode(os.environ[STOCK_VARIABLE], type=Stock)
_numbers = itertools.count()
_random = Random(1)


class StockUser(FastHttpUser):
    """One request after the other, at a rate of its own if there is one."""

    wait_time = constant_throughput(_stock.user_rate) if _stock.user_rate else constant(0)

    def on_start(self) -> None:
        """Begin at some moment of the first period."""
        if _stock.user_rate:
            gevent.sleep(_random.random() / _stock.user_rate)

    @task
    def visit(self) -> None:
        """One request."""
        self.client.get(f"/{next(_numbers)}", name="visit")


def _prioritise(**_: Any) -> None:
    if _stock.realtime:
        go_first()


def _report(environment: Environment, **_: Any) -> None:
    entry = environment.stats.get("visit", "GET")
    p50, p95, p99, p99_9 = (float(entry.get_response_time_percentile(p) or 0) for p in (0.5, 0.95, 0.99, 0.999))
    Path(_stock.outcome).write_bytes(
        msgspec.json.encode(Reported(entry.num_requests, entry.num_failures, (p50, p95, p99, p99_9)))
    )


events.test_start.add_listener(_prioritise)  # type: ignore[no-untyped-call]
events.quitting.add_listener(_report)  # type: ignore[no-untyped-call]
