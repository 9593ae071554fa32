"""A backend that hangs: whoever needs it gets 503 within the deadline, and all is well once it goes on."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import urlsplit

import psutil
import pytest
from flask import Flask

from service.app import create_app
from service.config import Config
from service.telemetry.metrics import Metrics
from tests.servers import Servers, standing_still, wait_until
from tests.service.conftest import Answer, Member, ask, jpeg, sign_up

pytestmark = pytest.mark.timed

DEADLINE_S = 0.4
# Connecting to PostgreSQL takes the deadline, but not less than the 2 s that its library insists on.
LONGEST_S = 2.7


@pytest.fixture
def hasty(config: Config) -> Iterator[Flask]:
    """An application that waits for no backend longer than DEADLINE_S."""
    app = create_app(replace(config, backend_timeout_s=DEADLINE_S), Metrics())
    yield app
    app.extensions["likestorm"].close()


@contextmanager
def hanging(address: str) -> Iterator[None]:
    """Whatever listens there, and all that it has started, stands still."""
    port = urlsplit(address if "://" in address else f"//{address}").port
    ours = psutil.Process().children(recursive=True)
    listening = [
        process
        for process in ours
        if any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in process.net_connections("tcp"))
    ]
    assert listening, address
    with standing_still(*{one.pid for parent in listening for one in (parent, *parent.children(recursive=True))}):
        yield


def timed(member: Member, method: str, path: str, **options: object) -> tuple[Answer, float]:
    """An answer, and the seconds that it took."""
    started = time.perf_counter()
    answer = member.ask(method, path, **options)
    return answer, time.perf_counter() - started


def test_only_few_wait_for_what_hangs(hasty: Flask, servers: Servers) -> None:
    member = sign_up(hasty)
    with hanging(servers.redis_url):
        took = [timed(member, "GET", "/feed") for _ in range(30)]
    assert {answer.status_code for answer, _ in took} == {503}
    assert sum(seconds > DEADLINE_S / 2 for _, seconds in took) <= 3


def test_only_few_wait_for_a_database_that_hangs(hasty: Flask, servers: Servers) -> None:
    member = sign_up(hasty)
    like = f"/photos/{member.publish(jpeg())}/like"
    with hanging(servers.pgbouncer_url):
        took = [timed(member, "PUT", like) for _ in range(30)]
    assert {answer.status_code for answer, _ in took} == {503}
    # Three that count, and whoever tries it again after each pause.
    assert sum(seconds > DEADLINE_S / 2 for _, seconds in took) <= 5
    # PgBouncer may still do what it was sent before the deadline.
    wait_until(lambda: member.ask("PUT", like).status_code in {200, 201})


@pytest.mark.parametrize("backend", ["redis", "pgbouncer", "postgres"])
def test_a_hanging_store_gives_503_in_time_and_comes_back(hasty: Flask, servers: Servers, backend: str) -> None:
    member = sign_up(hasty)
    like = f"/photos/{member.publish(jpeg())}/like"
    address = {
        "redis": servers.redis_url,
        "pgbouncer": servers.pgbouncer_url,
        "postgres": servers.postgres_urls[0],
    }[backend]
    with hanging(address):
        for _ in range(3):
            answer, took = timed(member, "PUT", like)
            assert (answer.status_code, answer.json["error"]["code"]) == (503, "unavailable")
            assert took < LONGEST_S
        assert ask(hasty, "GET", "/healthz").status_code == 200
    wait_until(lambda: member.ask("PUT", like).status_code in {200, 201})
    assert member.ask("GET", like.removesuffix("/like")).json["likes"] == 1


def test_a_hanging_cache_costs_time_but_no_answer(hasty: Flask, servers: Servers) -> None:
    member = sign_up(hasty)
    photos = [member.publish(jpeg()) for _ in range(3)]
    with hanging(servers.memcached.split(",")[0]):
        for photo in photos:
            answer, took = timed(member, "PUT", f"/photos/{photo}/like")
            assert (answer.status_code, answer.json["likes"]) == (201, 1)
            assert took < 4 * DEADLINE_S
            assert member.ask("GET", f"/photos/{photo}").json["likes"] == 1


def test_a_hanging_object_store_gives_503_in_time(hasty: Flask, servers: Servers) -> None:
    member = sign_up(hasty)
    member.publish(jpeg())
    upload = member.ask_upload(len(jpeg()))
    assert member.put(upload, jpeg()) == 200
    with hanging(servers.s3_endpoint):
        answer, took = timed(member, "POST", "/photos", json={"upload_id": upload["upload_id"]})
        assert (answer.status_code, answer.json["error"]["message"]) == (503, "objects did not answer")
        assert took < LONGEST_S
        # What does not need it goes on.
        assert member.ask("GET", "/feed").status_code == 200
    wait_until(lambda: member.ask("POST", "/photos", json={"upload_id": upload["upload_id"]}).status_code == 201)
