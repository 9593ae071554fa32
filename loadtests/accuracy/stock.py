"""A locustfile with the same requests by stock Locust: FastHttpUser with Locust's own wait times and percentiles.

An environment variable holds its `Stock` as JSON. Users start at random moments of one period, so that their requests
are spread.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from random import Random
from typing import Any

import gevent
import msgspec
from likestorm.generator.realtime import enable
from locust import FastHttpUser, constant, constant_throughput, events, task
from locust.env import Environment

from loadtests.accuracy.drive import STOCK_VARIABLE, Reported, Stock

_stock = msgspec.json.decode(os.environ[STOCK_VARIABLE], type=Stock)
_numbers = itertools.count()
_random = Random(1)


class StockUser(FastHttpUser):
    """A user that makes requests at its own rate, or without a wait."""

    wait_time = constant_throughput(_stock.user_rate) if _stock.user_rate else constant(0)

    def on_start(self) -> None:
        """Start at a random moment of the first period."""
        if _stock.user_rate:
            gevent.sleep(_random.random() / _stock.user_rate)

    @task
    def visit(self) -> None:
        """One request."""
        self.client.get(f"/{next(_numbers)}", name="visit")


def _prioritise(**_: Any) -> None:
    if _stock.realtime:
        enable()


def _report(environment: Environment, **_: Any) -> None:
    entry = environment.stats.get("visit", "GET")
    p50, p95, p99, p99_9 = (float(entry.get_response_time_percentile(p) or 0) for p in (0.5, 0.95, 0.99, 0.999))
    Path(_stock.outcome).write_bytes(
        msgspec.json.encode(Reported(entry.num_requests, entry.num_failures, (p50, p95, p99, p99_9)))
    )


events.test_start.add_listener(_prioritise)  # type: ignore[no-untyped-call]
events.quitting.add_listener(_report)  # type: ignore[no-untyped-call]
