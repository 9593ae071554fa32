"""From the event to the device: real stores, real workers, and a fake of Apple's push service."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from service.backends import Backends
from service.catalog import PUSH
from service.domain.entities import Event
from service.domain.errors import UnavailableError
from service.jobs.push import Pushes
from service.stores.media_map import MediaMap
from service.stores.push import MOST_STREAMS
from service.stores.redis import connect_redis
from tests.fakes import KEY_ID, TEAM_ID, TOPIC, Fakes, fakes
from tests.servers import Servers, free_port, wait_until
from tests.service.rows import new_photo, new_user
from tests.service.workers import open_queue, worker_processes, workers_of

LATER = 2.0**33
"""A moment after all events."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fakes]:
    with fakes(tmp_path_factory.mktemp("fakes")) as running:
        yield running


@pytest.fixture
def outside(running: Fakes, stores: Backends, servers: Servers) -> Iterator[Fakes]:
    """The outside world, which has received nothing, and a Redis without events and jobs."""
    running.forget()
    client = connect_redis(servers.redis_url, 2.0)
    client.flushdb()
    yield running
    client.flushdb()
    client.close()


class Seen:
    """What the job reported."""

    def __init__(self) -> None:
        self.chains: list[tuple[str, float]] = []
        self.outcomes = Counter[str]()

    def observe(self, chain: str, seconds: float) -> None:
        self.chains.append((chain, seconds))

    def count(self, outcome: str) -> None:
        self.outcomes[outcome] += 1


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def deliver(stores: Backends, outside: Fakes, seen: Seen) -> Iterator[Callable[[str], None]]:
    """The job."""
    apns = outside.apns(patience=3)
    yield job(stores, seen, apns).deliver
    apns.close()


def job(stores: Backends, seen: Seen, service: Any, media_map: Any = None) -> Pushes:
    return Pushes(
        stores.notifications, media_map or stores.media_map, stores.photos, stores.activity, stores.devices, service,
        seen.observe, seen.count, gathering_s=0,
    )  # fmt: skip


def owner_with_photo(stores: Backends) -> tuple[int, int]:
    """Somebody with a device, whose token is made of his id, and a photo of his."""
    owner = new_user(stores)
    stores.devices.add_device(owner, token_of(owner))
    return owner, new_photo(stores, owner)


def token_of(user_id: int) -> str:
    return f"{user_id:064x}"


def like(stores: Backends, photo_id: int, actor_id: int = 1) -> Event:
    event = Event("like", actor_id, photo_id, round(time.time(), 3))
    stores.notifications.notify(event)
    return event


def test_a_like_reaches_the_owner_s_device_and_his_activity(
    stores: Backends, outside: Fakes, deliver: Callable[[str], None], seen: Seen
) -> None:
    owner, photo = owner_with_photo(stores)
    stores.media_map.put_owner(photo, owner)
    event = like(stores, photo, actor_id=5)
    deliver("a")
    [message] = outside.messages()
    assert (message["device"], message["collapse_id"]) == (token_of(owner), f"like-{photo}")
    assert stores.activity.read_events(owner, LATER, 10) == [event]
    [(chain, seconds)] = seen.chains
    assert chain == "like-to-push"
    assert 0 <= seconds < 5
    assert seen.outcomes == {"delivered": 1}


def test_a_storm_on_one_photo_is_one_push(
    stores: Backends, outside: Fakes, deliver: Callable[[str], None], seen: Seen
) -> None:
    owner, photo = owner_with_photo(stores)
    for actor in range(40):
        like(stores, photo, actor_id=actor + 1)
    like(stores, photo, actor_id=owner)
    deliver("a")
    [message] = outside.messages()
    assert "40 people liked your photo" in message["payload"]
    assert len(stores.activity.read_events(owner, LATER, 100)) == 40
    assert len(seen.chains) == 40


def test_an_owner_whom_the_media_map_did_not_know_is_put_there(
    stores: Backends, deliver: Callable[[str], None]
) -> None:
    owner, photo = owner_with_photo(stores)
    like(stores, photo)
    assert stores.media_map.find_owners([photo]) == {}
    deliver("a")
    assert stores.media_map.find_owners([photo]) == {photo: owner}


def test_without_the_media_map_the_photo_s_shard_knows_the_owner(stores: Backends, outside: Fakes, seen: Seen) -> None:
    lost = connect_redis(f"redis://127.0.0.1:{free_port()}/0", 0.2)
    apns = outside.apns()
    _, photo = owner_with_photo(stores)
    like(stores, photo)
    like(stores, 2**62)
    job(stores, seen, apns, MediaMap(lost, 8)).deliver("a")
    assert outside.counts()["accepted"] == 1
    apns.close()
    lost.close()


def test_who_is_followed_is_told_though_there_is_no_photo(
    stores: Backends, outside: Fakes, deliver: Callable[[str], None], seen: Seen
) -> None:
    owner, _ = owner_with_photo(stores)
    stores.notifications.notify(Event("follow", 5, None, time.time()), recipient_id=owner)
    deliver("a")
    assert outside.messages()[0]["device"] == token_of(owner)
    assert seen.chains == []


def test_a_device_that_is_gone_is_asked_no_more(
    stores: Backends, outside: Fakes, deliver: Callable[[str], None], seen: Seen
) -> None:
    owner, photo = owner_with_photo(stores)
    stores.devices.add_device(owner, "ff" * 32)
    outside.ask("POST", "/gone", {"tokens": [token_of(owner)]})
    like(stores, photo)
    deliver("a")
    assert seen.outcomes == {"delivered": 1, "gone": 1}
    assert stores.devices.find_devices([owner]) == {owner: ["ff" * 32]}
    like(stores, photo)
    deliver("b")
    assert outside.counts()["rejected"] == {"Unregistered": 1}


def test_what_could_not_be_sent_is_sent_by_the_repeated_job(
    stores: Backends, outside: Fakes, deliver: Callable[[str], None], seen: Seen
) -> None:
    owners = dict(owner_with_photo(stores) for _ in range(30))
    for photo in owners.values():
        like(stores, photo)
    outside.tell("push", status=503, share=0.5, retry_after=60)
    with pytest.raises(UnavailableError):
        deliver("a")
    assert 0 < seen.outcomes["delivered"] < 30
    outside.forgive()
    deliver("a")
    assert seen.outcomes == {"delivered": 30}
    assert (outside.counts()["accepted"], outside.counts()["duplicates"]) == (30, 0)
    assert {message["device"] for message in outside.messages()} == {token_of(owner) for owner in owners}
    assert [len(stores.activity.read_events(owner, LATER, 10)) for owner in owners] == [1] * 30


def test_a_job_that_finds_nothing_does_nothing(deliver: Callable[[str], None], outside: Fakes) -> None:
    deliver("a")
    assert outside.counts()["received"] == 0


def push_environment(outside: Fakes) -> Mapping[str, str]:
    return {
        "LIKESTORM_PUSH_URL": outside.push_url,
        "LIKESTORM_PUSH_CA": str(outside.folder / "authority.pem"),
        "LIKESTORM_PUSH_KEY": str(outside.folder / "provider-key.pem"),
        "LIKESTORM_PUSH_KEY_ID": KEY_ID,
        "LIKESTORM_PUSH_TEAM_ID": TEAM_ID,
        "LIKESTORM_PUSH_TOPIC": TOPIC,
    }


def test_a_worker_that_is_killed_over_its_batch_loses_nothing(
    stores: Backends, outside: Fakes, servers: Servers, tmp_path: Path
) -> None:
    owners = dict(owner_with_photo(stores) for _ in range(3 * MOST_STREAMS))
    outside.tell("push", delay=0.5)
    client = connect_redis(servers.redis_url, 2.0)
    queue = open_queue(PUSH, client)
    ready: Callable[[], bool] = lambda: "worker-push" in workers_of(queue)  # noqa: E731
    with worker_processes(PUSH, servers, ready, tmp_path / "metrics", **push_environment(outside)):
        victim = workers_of(queue)["worker-push"]
        for photo in owners.values():
            like(stores, photo)
        # The first streams' answers are on their way, or some of them.
        wait_until(lambda: outside.counts()["accepted"] > MOST_STREAMS, what="the second wave of pushes")
        os.kill(victim, signal.SIGKILL)
        outside.forgive()
        expected = {token_of(owner) for owner in owners}
        wait_until(lambda: {message["device"] for message in outside.messages()} == expected, what="all pushes")
        wait_until(lambda: not list(client.scan_iter("push:batch:*")), what="the batch's end")
    counts = outside.counts()
    assert counts["accepted"] == len(owners) + counts["duplicates"]
    # Only what was under way when it was killed, and each of it once.
    assert 0 < counts["duplicates"] <= MOST_STREAMS
    assert max(Counter(message["apns_id"] for message in outside.messages()).values()) == 2
    assert [len(stores.activity.read_events(owner, LATER, 10)) for owner in owners] == [1] * len(owners)
    client.close()
