"""Feeds on a real Redis."""

from collections.abc import Iterator

import pytest
import redis

from service.domain import ids
from service.domain.errors import UnavailableError
from service.domain.feed import LONGEST_FEED
from service.stores.feeds import CHUNK, LISTPACK_ENTRIES, Feeds
from service.stores.redis import connect_redis
from tests.servers import free_port, wait_until
from tests.servers import redis as redis_server

USER = 2**60 + 7
FIRST = 2**61 + 1
"""Neighbours from here on are one and the same as doubles."""


@pytest.fixture(scope="module")
def client() -> Iterator[redis.Redis]:
    with redis_server() as url:
        client = connect_redis(url, 2.0)
        client.config_set("zset-max-listpack-entries", LISTPACK_ENTRIES)
        yield client
        client.close()


@pytest.fixture
def feeds(client: redis.Redis) -> Feeds:
    client.flushdb()
    return Feeds(client)


def fill(feeds: Feeds, photo_ids: list[int], user_id: int = USER) -> None:
    feeds.fill_feed(user_id, photo_ids, feeds.lease_feed(user_id))


def whole(feeds: Feeds, user_id: int = USER) -> list[int] | None:
    return feeds.read_feed(user_id, ids.LARGEST, 1000)


def test_a_feed_is_read_newest_first_and_from_any_position(feeds: Feeds) -> None:
    assert whole(feeds) is None
    fill(feeds, [FIRST + 1, FIRST + 3, FIRST, FIRST + 2, 1])
    assert whole(feeds) == [FIRST + 3, FIRST + 2, FIRST + 1, FIRST, 1]
    assert feeds.read_feed(USER, ids.LARGEST, 2) == [FIRST + 3, FIRST + 2]
    assert feeds.read_feed(USER, FIRST + 2, 2) == [FIRST + 1, FIRST]
    assert feeds.read_feed(USER, 1, 2) == []


def test_an_empty_feed_is_one(feeds: Feeds) -> None:
    fill(feeds, [])
    assert whole(feeds) == []
    feeds.push_photo(FIRST, [USER])
    assert whole(feeds) == [FIRST]


def test_a_photo_goes_to_the_feeds_that_exist_once(feeds: Feeds) -> None:
    for user in (1, 2):
        fill(feeds, [FIRST], user)
    for _ in range(2):
        feeds.push_photo(FIRST + 1, [1, 2, 3])
    assert whole(feeds, 1) == whole(feeds, 2) == [FIRST + 1, FIRST]
    assert whole(feeds, 3) is None


def test_many_followers_are_served(feeds: Feeds) -> None:
    followers = list(range(1, 2 * CHUNK + 2))
    readers = [1, CHUNK, CHUNK + 1, 2 * CHUNK + 1]
    for user in readers:
        fill(feeds, [], user)
    feeds.push_photo(FIRST, followers)
    assert [whole(feeds, user) for user in readers] == [[FIRST]] * 4
    feeds.push_photo(FIRST, [])


def test_a_feed_keeps_the_newest(feeds: Feeds, client: redis.Redis) -> None:
    photos = list(range(FIRST, FIRST + LONGEST_FEED + 5))
    fill(feeds, photos)
    assert whole(feeds) == photos[: -LONGEST_FEED - 1 : -1]
    feeds.push_photo(photos[-1] + 1, [USER])
    assert whole(feeds) == [photos[-1] + 1, *photos[:-LONGEST_FEED:-1]]
    feeds.push_photo(1, [USER])
    assert whole(feeds) == [photos[-1] + 1, *photos[:-LONGEST_FEED:-1]]
    [key] = client.keys()
    assert client.object("encoding", key) == b"listpack"
    assert 0 < (client.memory_usage(key) or 0) < 5000


def test_a_feed_that_nobody_reads_goes(client: redis.Redis) -> None:
    client.flushdb()
    feeds = Feeds(client, unread_ttl=1)
    fill(feeds, [FIRST])
    feeds.push_photo(FIRST + 1, [USER])
    wait_until(lambda: not client.keys())
    feeds = Feeds(client, unread_ttl=60)
    fill(feeds, [FIRST])
    client.expire(f"feed:{USER}", 10)
    assert whole(feeds) == [FIRST]
    assert client.ttl(f"feed:{USER}") > 10


@pytest.mark.parametrize("overtake", ["push", "drop", "lease"])
def test_who_was_overtaken_fills_nothing(feeds: Feeds, overtake: str) -> None:
    lease = feeds.lease_feed(USER)
    if overtake == "push":
        feeds.push_photo(FIRST, [USER])
    elif overtake == "drop":
        feeds.drop_feed(USER)
    else:
        feeds.lease_feed(USER)
    feeds.fill_feed(USER, [1, 2, 3], lease)
    assert whole(feeds) is None


def test_a_lease_fills_once(feeds: Feeds, client: redis.Redis) -> None:
    lease = feeds.lease_feed(USER)
    [key] = client.keys()
    assert 0 < client.ttl(key) <= 10
    feeds.fill_feed(USER, [1], lease)
    feeds.drop_feed(USER)
    feeds.fill_feed(USER, [1], lease)
    assert whole(feeds) is None
    assert client.keys() == []


def test_a_feed_that_is_filled_again_holds_nothing_old(feeds: Feeds) -> None:
    fill(feeds, [1, 2, 3])
    fill(feeds, [4])
    assert whole(feeds) == [4]


def test_no_server_is_unavailable() -> None:
    client = connect_redis(f"redis://127.0.0.1:{free_port()}/0", 0.2)
    feeds = Feeds(client)
    with pytest.raises(UnavailableError, match="redis"):
        whole(feeds)
    with pytest.raises(UnavailableError, match="redis"):
        feeds.lease_feed(1)
    with pytest.raises(UnavailableError, match="redis"):
        feeds.fill_feed(1, [2], b"lease")
    with pytest.raises(UnavailableError, match="redis"):
        feeds.drop_feed(1)
    with pytest.raises(UnavailableError, match="redis"):
        feeds.push_photo(1, [2])
    client.close()
