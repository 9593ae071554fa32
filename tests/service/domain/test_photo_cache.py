"""The lookup on the real cache and tables, and with a cache that always fails."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock
from typing import Any

import pytest

from service.backends import Backends
from service.domain.entities import Photo, PhotoState
from service.domain.errors import NotFoundError, UnavailableError
from service.domain.photo_cache import LONGEST_AWAIT_S, CachedPhotos
from service.stores.memcached import LEASE_TTL_S


class BrokenCache:
    """Whatever is asked of it fails."""

    def __getattr__(self, name: str) -> Any:
        def fail(*args: object) -> None:
            raise UnavailableError("memcached", name)

        return fail


def insert(stores: Backends, owner: int = 7) -> Photo:
    photo_id = stores.photos.next_photo_id(owner)
    inserted = stores.photos.insert_photo(photo_id, owner, f"photos/{owner}/{photo_id}.jpg", "a dog")
    assert inserted
    return inserted[0]


class CountingPhotos:
    """The real tables, and how often states are read; each reading takes `seconds` longer."""

    def __init__(self, stores: Backends, seconds: float) -> None:
        self._stores = stores
        self._seconds = seconds
        self._lock = Lock()
        self.reads = 0

    def find_state(self, photo_id: int) -> PhotoState | None:
        with self._lock:
            self.reads += 1
        time.sleep(self._seconds)
        return self._stores.photos.find_state(photo_id)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stores.photos, name)


def test_a_failing_cache_is_a_miss(stores: Backends) -> None:
    photo = insert(stores)
    lookup = CachedPhotos(stores.photos, BrokenCache())
    assert lookup.photo(photo.id) == photo
    assert lookup.state(photo.id) == PhotoState(likes=0, thumbnail=False)
    lookup.forget_state(photo.id)


def test_what_is_not_there_is_not_found(stores: Backends) -> None:
    lookup = CachedPhotos(stores.photos, stores.cache)
    with pytest.raises(NotFoundError):
        lookup.photo(2**62)
    with pytest.raises(NotFoundError):
        lookup.state(2**62)


def test_photo_and_state_come_from_the_cache_the_second_time(stores: Backends) -> None:
    photo = insert(stores)
    lookup = CachedPhotos(stores.photos, stores.cache)
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

    assert CachedPhotos(Overtaken(), stores.cache).state(photo.id).likes == 0
    assert stores.cache.get_state(photo.id) is None
    assert CachedPhotos(stores.photos, stores.cache).state(photo.id).likes == 1


def test_many_readers_of_a_hot_photo_are_one_to_the_database(stores: Backends) -> None:
    photo = insert(stores)
    photos = CountingPhotos(stores, 0.01)
    # For as long as a lease holds: on a busy machine fifty threads take longer than readers wait otherwise.
    lookup = CachedPhotos(photos, stores.cache, longest_await_s=LEASE_TTL_S)
    together = Barrier(50)

    def read(_number: int) -> PhotoState:
        together.wait()
        return lookup.state(photo.id)

    with ThreadPoolExecutor(50) as threads:
        states = set(threads.map(read, range(50)))
    assert states == {PhotoState(likes=0, thumbnail=False)}
    assert photos.reads == 1


@pytest.mark.timed
def test_who_waits_for_too_long_asks_the_database_himself(stores: Backends) -> None:
    photo = insert(stores)
    assert stores.cache.lease_state(photo.id)
    started = time.monotonic()
    assert CachedPhotos(stores.photos, stores.cache).state(photo.id) == PhotoState(likes=0, thumbnail=False)
    assert LONGEST_AWAIT_S / 2 < time.monotonic() - started < 1
    assert stores.cache.get_state(photo.id) is None


def test_a_reader_that_fails_keeps_nobody_waiting(stores: Backends) -> None:
    photo = insert(stores)

    class Broken:
        def find_state(self, photo_id: int) -> PhotoState | None:
            raise UnavailableError("postgres", photo_id)

        def __getattr__(self, name: str) -> Any:
            return getattr(stores.photos, name)

    with pytest.raises(UnavailableError):
        CachedPhotos(Broken(), stores.cache).state(photo.id)
    assert stores.cache.lease_state(photo.id)


def test_a_like_is_seen_by_whoever_reads_after_it(stores: Backends) -> None:
    photo = insert(stores)
    lookup = CachedPhotos(stores.photos, stores.cache)
    likers, each = 4, 25
    done = [0] * likers

    def like(liker: int) -> None:
        for number in range(each):
            outcome = stores.likes.add_like(photo.id, 1000 * liker + number + 1)
            assert outcome is not None
            assert outcome.changed
            lookup.forget_state(photo.id)
            done[liker] = number + 1

    def read(_reader: int) -> list[tuple[int, int, int]]:
        """Likes acknowledged before the reading, what was read, likes at most stored after it."""
        seen = []
        while sum(done) < likers * each:
            before = sum(done)
            likes = lookup.state(photo.id).likes
            seen.append((before, likes, min(sum(done) + likers, likers * each)))
        return seen

    with ThreadPoolExecutor(2 * likers) as threads:
        readers = [threads.submit(read, number) for number in range(likers)]
        list(threads.map(like, range(likers)))
        seen = [reading for reader in readers for reading in reader.result()]
    assert [reading for reading in seen if not reading[0] <= reading[1] <= reading[2]] == []
    assert len(seen) > likers
    assert lookup.state(photo.id).likes == likers * each
    cached = stores.cache.get_state(photo.id)
    assert cached is not None
    assert cached.likes == likers * each
