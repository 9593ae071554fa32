"""Feeds on the real stores, and with a cache that always fails."""

from collections.abc import Callable
from typing import Any

import pytest

from service.backends import Backends
from service.domain import ids
from service.domain.entities import Session
from service.domain.errors import UnavailableError
from service.domain.feed import LONGEST_FEED, Feed
from service.domain.photo_views import PhotoViews
from tests.service.rows import new_photo, new_user


class BrokenFeeds:
    """Whatever is asked of it fails."""

    def __getattr__(self, name: str) -> Any:
        def fail(*args: object) -> None:
            raise UnavailableError("redis", name)

        return fail


def feed_of(stores: Backends, feeds: Any = None, follows: Any = None) -> Feed:
    gallery = PhotoViews(stores.photos, stores.cache, stores.links)
    return Feed(feeds or stores.feeds, follows or stores.follows, stores.photos, gallery)


def read(feed: Feed, user_id: int, limit: int = 100, before: int | None = None) -> tuple[list[int], int | None]:
    page = feed.page(Session(user_id, "token", wrote_lately=False), limit, before)
    return [view.photo.id for view in page.items], page.next


def cached(stores: Backends, user_id: int) -> list[int] | None:
    return stores.feeds.read_feed(user_id, ids.LARGEST, 1000)


@pytest.fixture
def reader(stores: Backends) -> int:
    return new_user(stores)


@pytest.fixture
def photos(stores: Backends, reader: int) -> list[int]:
    """Six photos of three users on several shards whom the reader follows, newest first."""
    owners = [new_user(stores) for _ in range(3)]
    for owner in owners:
        stores.follows.add_follow(reader, owner)
    new_photo(stores, new_user(stores))
    return sorted((new_photo(stores, owner) for owner in owners * 2), reverse=True)


def test_a_feed_is_rebuilt_when_it_is_read(stores: Backends, reader: int, photos: list[int]) -> None:
    assert cached(stores, reader) is None
    assert read(feed_of(stores), reader) == (photos, None)
    assert cached(stores, reader) == photos


def test_what_is_cached_is_what_is_read(stores: Backends, reader: int, photos: list[int]) -> None:
    stores.feeds.fill_feed(reader, photos[3:], stores.feeds.lease_feed(reader))
    assert read(feed_of(stores), reader) == (photos[3:], None)


@pytest.mark.parametrize("rebuilt", [True, False])
def test_pages_follow_each_other(stores: Backends, reader: int, photos: list[int], rebuilt: bool) -> None:
    feed = feed_of(stores)
    if not rebuilt:
        read(feed, reader)
    assert read(feed, reader, 4) == (photos[:4], photos[3])
    assert read(feed, reader, 4, photos[3]) == (photos[4:], None)
    assert read(feed, reader, 4, photos[5]) == ([], None)
    stores.feeds.drop_feed(reader)
    assert read(feed, reader, 4, photos[3]) == (photos[4:], None)


def test_who_follows_nobody_has_an_empty_feed(stores: Backends, reader: int) -> None:
    assert read(feed_of(stores), reader) == ([], None)
    assert cached(stores, reader) == []


def test_what_a_feed_no_longer_keeps_is_looked_up(stores: Backends, reader: int) -> None:
    owner = new_user(stores)
    stores.follows.add_follow(reader, owner)
    photos = [new_photo(stores, owner) for _ in range(LONGEST_FEED + 5)][::-1]
    feed = feed_of(stores)
    seen, position = read(feed, reader)
    while position is not None:
        page, position = read(feed, reader, before=position)
        seen += page
    assert seen == photos
    assert cached(stores, reader) == photos[:LONGEST_FEED]


def test_a_cache_that_fails_is_one_that_has_nothing(stores: Backends, reader: int, photos: list[int]) -> None:
    assert read(feed_of(stores, feeds=BrokenFeeds()), reader, 4) == (photos[:4], photos[3])
    assert read(feed_of(stores, feeds=BrokenFeeds()), reader, 4, photos[3]) == (photos[4:], None)


class Meanwhile:
    """The real store; something happens each time when it has just been asked for followees."""

    def __init__(self, stores: Backends, happen: Callable[[], object]) -> None:
        self._stores = stores
        self._happen = happen

    def followees(self, user_id: int) -> list[int]:
        found = self._stores.follows.followees(user_id)
        self._happen()
        return found


def test_a_follow_during_a_rebuild_is_not_forgotten(stores: Backends, reader: int, photos: list[int]) -> None:
    late = new_user(stores)
    photo_id = new_photo(stores, late)

    def follow() -> None:
        stores.follows.add_follow(reader, late)
        stores.feeds.drop_feed(reader)

    assert read(feed_of(stores, follows=Meanwhile(stores, follow)), reader) == (photos, None)
    assert cached(stores, reader) is None
    assert read(feed_of(stores), reader) == ([photo_id, *photos], None)


def test_a_photo_pushed_during_a_rebuild_is_not_forgotten(stores: Backends, reader: int, photos: list[int]) -> None:
    owner = stores.photos.find_photos(photos[:1])[photos[0]][0].owner_id
    published: list[int] = []

    class Late:
        """The photo is stored and pushed between the rebuild's reading and its filling."""

        def __getattr__(self, name: str) -> Any:
            return getattr(stores.feeds, name)

        def fill_feed(self, user_id: int, photo_ids: list[int], lease: bytes) -> None:
            published.append(new_photo(stores, owner))
            stores.feeds.push_photo(published[0], [reader])
            stores.feeds.fill_feed(user_id, photo_ids, lease)

    assert read(feed_of(stores, feeds=Late()), reader) == (photos, None)
    assert read(feed_of(stores), reader) == ([*published, *photos], None)
