"""The fan-out's job on the real stores."""

from collections.abc import Sequence
from time import time
from typing import Any

import pytest

from service.backends import Backends
from service.domain import ids
from service.domain.errors import NotFoundError, UnavailableError
from service.domain.photo_cache import CachedPhotos
from service.jobs import fanout
from service.jobs.fanout import Fanout
from tests.service.rows import new_photo, new_user


class Chains:
    """What was observed."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, float]] = []

    def observe(self, chain: str, seconds: float) -> None:
        self.seen.append((chain, seconds))


def job(stores: Backends, chains: Chains | None = None, feeds: Any = None) -> Fanout:
    cached = CachedPhotos(stores.photos, stores.cache)
    observe = (chains or Chains()).observe
    return Fanout(cached, stores.follows, feeds or stores.feeds, stores.tags, stores.media_map, observe)


def fill(stores: Backends, user_id: int, photo_ids: Sequence[int] = ()) -> None:
    stores.feeds.fill_feed(user_id, photo_ids, stores.feeds.lease_feed(user_id))


def whole(stores: Backends, user_id: int) -> list[int] | None:
    return stores.feeds.read_feed(user_id, ids.LARGEST, 1000)


@pytest.fixture
def owner(stores: Backends) -> int:
    return new_user(stores)


@pytest.fixture
def followers(stores: Backends, owner: int) -> list[int]:
    """Five, each with an empty feed."""
    users = [new_user(stores) for _ in range(5)]
    for user in users:
        stores.follows.add_follow(user, owner)
        fill(stores, user)
    return users


@pytest.mark.parametrize("page", [1, 2, 5, 1000])
def test_a_photo_reaches_all_followers(
    stores: Backends, owner: int, followers: list[int], page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "FOLLOWERS_A_PAGE", page)
    stranger = new_user(stores)
    fill(stores, stranger)
    photo_id = new_photo(stores, owner)
    job(stores).publish(photo_id, time())
    assert [whole(stores, user) for user in followers] == [[photo_id]] * 5
    assert whole(stores, stranger) == []
    assert whole(stores, owner) is None


def test_tags_and_owner_are_noted(stores: Backends, owner: int) -> None:
    photo_id = new_photo(stores, owner, f"my #Dog{owner} and my #dog{owner} on the #beach{owner}")
    assert stores.media_map.find_owners([photo_id]) == {}
    job(stores).publish(photo_id, time())
    for tag in (f"dog{owner}", f"beach{owner}"):
        assert stores.tags.newest_tagged(tag, ids.LARGEST, 10, True) == [photo_id]
    assert stores.media_map.find_owners([photo_id]) == {photo_id: owner}


def test_it_observes_how_long_the_upload_took_to_the_feeds(stores: Backends, owner: int) -> None:
    chains = Chains()
    job(stores, chains).publish(new_photo(stores, owner), time() - 5)
    [(chain, seconds)] = chains.seen
    assert chain == "upload-to-feeds"
    assert 5 <= seconds < 10


def test_a_job_that_was_killed_half_way_is_finished_by_the_next(
    stores: Backends, owner: int, followers: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "FOLLOWERS_A_PAGE", 2)
    photo_id = new_photo(stores, owner, f"#again{owner}")
    chains = Chains()

    class Killed:
        """Serves one page of followers."""

        def __init__(self) -> None:
            self.pages = 0

        def push_photo(self, photo_id: int, follower_ids: Sequence[int]) -> None:
            self.pages += 1
            if self.pages > 1:
                raise UnavailableError("redis", "killed")
            stores.feeds.push_photo(photo_id, follower_ids)

    with pytest.raises(UnavailableError):
        job(stores, chains, Killed()).publish(photo_id, time())
    assert sorted(len(whole(stores, user) or []) for user in followers) == [0, 0, 0, 1, 1]
    assert chains.seen == []
    for _ in range(2):
        job(stores, chains).publish(photo_id, time())
    assert [whole(stores, user) for user in followers] == [[photo_id]] * 5
    assert stores.tags.newest_tagged(f"again{owner}", ids.LARGEST, 10, True) == [photo_id]


def test_a_photo_that_is_not_there_is_not_published(stores: Backends) -> None:
    with pytest.raises(NotFoundError):
        job(stores).publish(ids.compose(1, 0, 1), time())
