"""The Server-Timing header around small applications, and on real stores."""

import time
from dataclasses import replace

import pytest
from flask import Flask

from service.app import create_app
from service.config import Config
from service.telemetry.metrics import Metrics
from service.telemetry.server_timing import note_pool_wait, tell_timing
from service.telemetry.stores import measured
from tests.service.conftest import Member, ask, jpeg

SHORT, LONG = 0.01, 0.03


def durations(header: str) -> dict[str, float]:
    """Milliseconds by metric."""
    return {name: float(text) for name, text in (part.split(";dur=") for part in header.split(", "))}


class Database:
    """Waits for a connection, then for the answer."""

    def ask(self) -> None:
        time.sleep(LONG)
        note_pool_wait(LONG)
        time.sleep(SHORT)


class Outer:
    """An operation that makes another store's operation part of its own."""

    def __init__(self, inner: Database) -> None:
        self._inner = inner

    def tell(self) -> None:
        time.sleep(SHORT)
        self._inner.ask()


def answering(app: Flask, **headers: str) -> dict[str, float]:
    return durations(app.test_client().get("/", headers=headers).headers["Server-Timing"])


@pytest.fixture
def small() -> Flask:
    """Asks the database through Redis, and then a store that has no tier."""
    metrics = Metrics()
    redis = measured(
        Outer(measured(Database(), "postgres", metrics, {}, placing=True)), "redis", metrics, {}, placing=True
    )
    unknown = measured(
        Outer(measured(Database(), "queue", metrics, {}, placing=True)), "elsewhere", metrics, {}, placing=True
    )
    app = Flask("tests", static_folder=None)

    @app.get("/")
    def show() -> str:
        redis.tell()
        unknown.tell()
        return "shown"

    tell_timing(app)
    return app


@pytest.mark.timed
def test_what_a_deeper_tier_took_is_not_counted_twice(small: Flask) -> None:
    told = answering(small)
    assert told.keys() == {"app", "pool", "db", "redis", "queue"}
    assert told["pool"] == pytest.approx(2 * LONG * 1e3)
    for tier in ("db", "redis", "queue"):
        assert SHORT * 1e3 <= told[tier] < LONG * 1e3
    # The store without a tier is in none, but it is the app's time. What counts twice would make this untrue.
    assert told["app"] >= sum(told.values()) - told["app"] + SHORT * 1e3


def test_each_request_begins_at_nothing(small: Flask) -> None:
    first, second = answering(small), answering(small)
    assert second["pool"] == first["pool"]


@pytest.mark.parametrize("stamp", ["", "t=", "t=soon", "t=nan", "t=inf", "1700000000.5", "t=1"])
def test_a_stamp_that_makes_no_sense_is_no_wait(small: Flask, stamp: str) -> None:
    assert "wait" not in answering(small, **{"X-Request-Start": stamp})


@pytest.mark.timed
def test_the_wait_counts_from_the_front_s_stamp(small: Flask) -> None:
    told = answering(small, **{"X-Request-Start": f"t={time.time() - 0.25:.3f}"})
    assert 249 <= told["wait"] < 400
    assert answering(small, **{"X-Request-Start": f"t={time.time() + 1:.3f}"})["wait"] == 0


def test_real_requests_tell_every_tier_they_used(config: Config, member: Member) -> None:
    app = create_app(replace(config, server_timing=True), Metrics())
    try:
        photo = Member(app, member.name, member.id, member.token).publish(jpeg())
        told = durations(ask(app, "PUT", f"/photos/{photo}/like", headers=member.header).headers["Server-Timing"])
        # Who is the first to notify hands out a job as well.
        assert told.keys() - {"queue"} == {"app", "pool", "db", "cache", "redis"}
        assert 0 < sum(told.values()) - told["app"] < told["app"]
        refused = ask(app, "POST", "/photos", headers=member.header, json={"upload_id": "1"})
        assert refused.status_code == 404
        assert durations(refused.headers["Server-Timing"]).keys() == {"app", "redis", "store"}
    finally:
        app.extensions["likestorm"].close()


def test_nobody_is_told_unless_it_is_asked_for(app: Flask, member: Member) -> None:
    assert "Server-Timing" not in ask(app, "GET", "/feed", headers=member.header).headers
