"""The lookup on the real cache and tables, and with a cache that always fails."""

from typing import Any

import pytest

from service.backends import Backends
from service.domain.errors import NotFoundError, UnavailableError
from service.domain.lookup import PhotoLookup
from service.domain.records import Photo, PhotoState


class BrokenCache:
    """Whatever is asked of it fails."""

    def __getattr__(self, name: str) -> Any:
        def fail(*args: object) -> None:
            raise UnavailableError("memcached", name)

        return fail


def insert(stores: Backends, owner: int = 7) -> Photo:
    photo_id = stores.photos.next_photo_id()
    inserted = stores.photos.insert_photo(photo_id, owner, f"photos/{owner}/{photo_id}.jpg", "a dog")
    assert inserted
    return inserted[0]


def test_a_failing_cache_is_a_miss(stores: Backends) -> None:
    photo = insert(stores)
    lookup = PhotoLookup(stores.photos, BrokenCache())
    assert lookup.photo(photo.id) == photo
    assert lookup.state(photo.id) == PhotoState(likes=0, thumbnail=False)
    lookup.forget_state(photo.id)


def test_what_is_not_there_is_not_found(stores: Backends) -> None:
    lookup = PhotoLookup(stores.photos, stores.cache)
    with pytest.raises(NotFoundError):
        lookup.photo(2**62)
    with pytest.raises(NotFoundError):
        lookup.state(2**62)


def test_photo_and_state_come_from_the_cache_the_second_time(stores: Backends) -> None:
    photo = insert(stores)
    lookup = PhotoLookup(stores.photos, stores.cache)
    first = lookup.photo(photo.id), lookup.state(photo.id)
    assert (stores.cache.get_photo(photo.id), stores.cache.get_state(photo.id)) == first


def test_a_reader_that_was_overtaken_leaves_no_stale_state(stores: Backends) -> None:
    photo = insert(stores)

    class Overtaken:
        """Reads the state, and before it hands it back somebody likes the photo."""

        def find_state(self, photo_id: int) -> PhotoState | None:
            state = stores.photos.find_state(photo_id)
            stores.likes.add_like(photo_id, 99)
            stores.cache.forget_state(photo_id)
            return state

        def __getattr__(self, name: str) -> Any:
            return getattr(stores.photos, name)

    assert PhotoLookup(Overtaken(), stores.cache).state(photo.id).likes == 0
    assert stores.cache.get_state(photo.id) is None
    assert PhotoLookup(stores.photos, stores.cache).state(photo.id).likes == 1
