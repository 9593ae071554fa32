"""Photos posted to networks that are slow and fail."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.backends import Backends
from service.catalog import SHARE
from service.domain.errors import NotFoundError, RefusedError, UnavailableError
from service.jobs.share import Shares
from service.stores.redis import connect_redis
from service.stores.share import Networks
from tests.fakes import NONE_RECEIVED, Fakes, fakes
from tests.servers import Servers, free_port, wait_until
from tests.service.rows import new_photo, new_user
from tests.service.workers import open_queue, worker_processes, workers_of


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fakes]:
    with fakes(tmp_path_factory.mktemp("fakes")) as running:
        yield running


@pytest.fixture
def outside(running: Fakes) -> Fakes:
    running.forget()
    return running


@pytest.fixture
def seen() -> list[tuple[str, float]]:
    """What was observed."""
    return []


@pytest.fixture
def shares(stores: Backends, outside: Fakes, seen: list[tuple[str, float]]) -> Iterator[Shares]:
    urls = {"alpha": f"{outside.url}/alpha", "beta": f"{outside.url}/beta", "away": f"http://127.0.0.1:{free_port()}"}
    networks = Networks(urls, timeout=30)
    yield Shares(stores.photos, stores.links, networks, lambda chain, seconds: seen.append((chain, seconds)))
    networks.close()


def test_a_photo_is_posted_with_its_permanent_address(
    stores: Backends, outside: Fakes, shares: Shares, seen: list[tuple[str, float]]
) -> None:
    owner = new_user(stores)
    photo = new_photo(stores, owner, "Sunset ☀ #sky")
    shares.post(photo, "beta", time.time() - 2)
    url = stores.links.view(f"photos/{owner}/{photo}.jpg")
    assert outside.messages("beta") == [{"key": f"photo-{photo}", "url": url, "caption": "Sunset ☀ #sky"}]
    assert outside.counts("alpha") == NONE_RECEIVED
    [(chain, seconds)] = seen
    assert chain == "upload-to-shared"
    assert 2 <= seconds < 10


@pytest.mark.timed
def test_a_network_that_took_it_too_slowly_knows_the_repeat(
    stores: Backends, outside: Fakes, shares: Shares, seen: list[tuple[str, float]]
) -> None:
    photo = new_photo(stores, new_user(stores))
    outside.tell("alpha", delay=2, times=1)
    hasty = Networks({"alpha": f"{outside.url}/alpha"}, timeout=0.5)
    began = time.monotonic()
    with pytest.raises(UnavailableError):
        Shares(stores.photos, stores.links, hasty, lambda *told: seen.append(told)).post(photo, "alpha", time.time())
    hasty.close()
    assert time.monotonic() - began < 1.5
    assert seen == []
    shares.post(photo, "alpha", time.time())
    assert outside.counts("alpha") == {**NONE_RECEIVED, "received": 2, "accepted": 2, "duplicates": 1}
    assert len(seen) == 1


@pytest.mark.parametrize("status", [401, 408, 429, 500, 503])
def test_a_failure_that_may_pass_is_to_be_tried_again(
    stores: Backends, outside: Fakes, shares: Shares, status: int
) -> None:
    photo = new_photo(stores, new_user(stores))
    outside.tell("alpha", status=status)
    with pytest.raises(UnavailableError, match=f"alpha is unavailable: it answers {status}"):
        shares.post(photo, "alpha", time.time())


@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_refusal_is_not(stores: Backends, outside: Fakes, shares: Shares, status: int) -> None:
    photo = new_photo(stores, new_user(stores))
    outside.tell("alpha", status=status, reason="Ugly")
    with pytest.raises(RefusedError, match=f"alpha answers {status}: .*Ugly"):
        shares.post(photo, "alpha", time.time())


def test_a_connection_that_breaks_is_to_be_tried_again(stores: Backends, outside: Fakes, shares: Shares) -> None:
    photo = new_photo(stores, new_user(stores))
    outside.tell("alpha", disconnect=True, times=1)
    for network in ("alpha", "away"):
        with pytest.raises(UnavailableError):
            shares.post(photo, network, time.time())
    shares.post(photo, "alpha", time.time())
    assert outside.counts("alpha")["duplicates"] == 1


def test_a_worker_that_is_killed_over_a_post_makes_one_duplicate_at_most(
    stores: Backends, outside: Fakes, servers: Servers, tmp_path: Path
) -> None:
    client = connect_redis(servers.redis_url, 2.0)
    client.flushdb()
    queue = open_queue(SHARE, client)
    photos = [new_photo(stores, new_user(stores)) for _ in range(3)]
    outside.tell("alpha", delay=15, times=1)
    environment = {"LIKESTORM_SHARE_NETWORKS": f"alpha={outside.url}/alpha"}

    def is_ready() -> bool:
        return "worker-share" in workers_of(queue)

    with worker_processes(SHARE, servers, is_ready, tmp_path / "metrics", **environment):
        victim = workers_of(queue)["worker-share"]
        for photo in photos:
            stores.queue.enqueue_share(photo, "alpha", time.time())
        wait_until(lambda: outside.counts("alpha")["accepted"] == 1, what="the first post")
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: outside.counts("alpha")["accepted"] == 4, what="all posts")
    assert {message["key"] for message in outside.messages("alpha")} == {f"photo-{photo}" for photo in photos}
    assert outside.counts("alpha")["duplicates"] == 1
    client.flushdb()
    client.close()


def test_an_unknown_network_or_photo_is_an_error(stores: Backends, outside: Fakes, shares: Shares) -> None:
    photo = new_photo(stores, new_user(stores))
    with pytest.raises(RefusedError, match="there is no network 'gamma'"):
        shares.post(photo, "gamma", time.time())
    with pytest.raises(NotFoundError):
        shares.post(photo + 1, "alpha", time.time())
    assert outside.counts("alpha") == NONE_RECEIVED
