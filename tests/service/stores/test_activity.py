"""Activity on a real Redis."""

from collections.abc import Iterator
from math import inf

import pytest
import redis

from service.domain.entities import Event
from service.domain.errors import UnavailableError
from service.stores.activity import CHUNK, MOST_EVENTS, Activity
from service.stores.redis import connect_redis
from tests.servers import free_port
from tests.servers import redis as redis_server

NOW = 1_322_000_000.123456
PHOTO, USER = 2**62 + 1, 2**61 + 1


@pytest.fixture(scope="module")
def client() -> Iterator[redis.Redis]:
    with redis_server() as url:
        client = connect_redis(url, 2.0)
        yield client
        client.close()


@pytest.fixture
def activity(client: redis.Redis) -> Activity:
    client.flushdb()
    return Activity(client)


def like(actor: int, at: float = NOW, photo: int = PHOTO) -> Event:
    return Event("like", actor, photo, at)


def test_events_come_back_newest_first(activity: Activity) -> None:
    old, new = Event("comment", 2**63 - 1, PHOTO, NOW), Event("follow", 8, None, NOW + 0.000002)
    activity.add_events({USER: [new, old], 5: [like(9)], 6: []})
    assert activity.read_events(USER, inf, 10) == [new, old]
    assert activity.read_events(5, inf, 10) == [like(9)]
    assert activity.read_events(6, inf, 10) == []


def test_pages_go_on_where_the_last_ended(activity: Activity) -> None:
    events = [like(actor, NOW + actor / 1000) for actor in range(1, 6)]
    activity.add_events({USER: events})
    first = activity.read_events(USER, inf, 2)
    second = activity.read_events(USER, first[-1].at, 10)
    assert [event.actor_id for event in first] == [5, 4]
    assert [event.actor_id for event in second] == [3, 2, 1]


def test_what_is_added_again_is_listed_once(activity: Activity) -> None:
    for _ in range(2):
        activity.add_events({USER: [like(1), Event("comment", 1, PHOTO, NOW), like(1, photo=9)]})
    assert len(activity.read_events(USER, inf, 10)) == 3


def test_the_same_done_again_moves_up_and_never_down(activity: Activity) -> None:
    activity.add_events({USER: [like(1), like(2, NOW + 1)]})
    activity.add_events({USER: [like(1, NOW + 3), like(1, NOW + 2)]})
    assert activity.read_events(USER, inf, 10) == [like(1, NOW + 3), like(2, NOW + 1)]
    activity.add_events({USER: [like(1, NOW)]})
    assert activity.read_events(USER, inf, 10) == [like(1, NOW + 3), like(2, NOW + 1)]


def test_the_newest_of_many_that_come_at_once_are_kept(activity: Activity) -> None:
    many = [like(actor, NOW + actor) for actor in range(1, 3 * MOST_EVENTS)]
    activity.add_events({USER: [*many, like(1, NOW + 1000)]})
    kept = [event.actor_id for event in activity.read_events(USER, inf, 1000)]
    assert kept == [1, *range(3 * MOST_EVENTS - 1, 2 * MOST_EVENTS, -1)]


def test_many_users_are_told(activity: Activity) -> None:
    users = range(1, 2 * CHUNK + 2)
    activity.add_events({user: [like(user + 1)] * (user % 3) for user in users})
    for user in users:
        assert activity.read_events(user, inf, 10) == [like(user + 1)] * min(1, user % 3)


def test_the_newest_are_kept_and_not_for_ever(activity: Activity, client: redis.Redis) -> None:
    activity.add_events({USER: [like(actor, NOW + actor) for actor in range(1, MOST_EVENTS + 11)]})
    kept = activity.read_events(USER, inf, 1000)
    assert [event.actor_id for event in kept] == list(range(MOST_EVENTS + 10, 10, -1))
    [key] = client.keys()
    assert client.ttl(key) > 0
    assert client.object("encoding", key) == b"listpack"


def test_no_server_is_unavailable() -> None:
    client = connect_redis(f"redis://127.0.0.1:{free_port()}/0", 0.2)
    activity = Activity(client)
    with pytest.raises(UnavailableError, match="redis"):
        activity.add_events({1: [like(2)]})
    with pytest.raises(UnavailableError, match="redis"):
        activity.read_events(1, inf, 1)
    client.close()
