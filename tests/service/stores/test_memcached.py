from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from service.config import Config
from service.domain.errors import UnavailableError
from service.domain.records import Photo, PhotoState
from service.stores.memcached import PhotoCache
from tests.servers import free_port, memcached

PHOTO = Photo(2**62, 2**61, "photos/1/2.jpg", "Grüße 🐕", datetime(2010, 10, 6, 1, 2, 3, 456789, tzinfo=UTC))
STATE = PhotoState(likes=3, thumbnail=True)


@pytest.fixture
def cache(config: Config) -> Iterator[PhotoCache]:
    cache = PhotoCache(config.memcached, 2.0)
    cache.flush()
    yield cache
    cache.close()


def test_a_photo_comes_back_as_it_was(cache: PhotoCache) -> None:
    assert cache.get_photo(PHOTO.id) is None
    cache.put_photo(PHOTO)
    assert cache.get_photo(PHOTO.id) == PHOTO


def test_one_lease_fills_the_state(cache: PhotoCache) -> None:
    lease = cache.lease_state(1)
    assert lease is not None
    assert cache.lease_state(1) is None
    assert cache.get_state(1) is None
    cache.fill_state(1, STATE, lease)
    assert cache.get_state(1) == STATE


def test_a_lease_ends_when_the_state_is_forgotten(cache: PhotoCache) -> None:
    overtaken = cache.lease_state(1)
    cache.forget_state(1)
    current = cache.lease_state(1)
    assert overtaken is not None
    assert current is not None
    cache.fill_state(1, PhotoState(0, False), overtaken)
    assert cache.get_state(1) is None
    cache.fill_state(1, STATE, current)
    assert cache.get_state(1) == STATE


def test_entries_are_spread_over_the_servers(config: Config) -> None:
    with memcached() as second:
        host, _, port = second.partition(":")
        both = PhotoCache((*config.memcached, (host, int(port))), 2.0)
        only_second = PhotoCache(((host, int(port)),), 2.0)
        for number in range(1, 41):
            both.put_photo(Photo(number, 1, "key", "", PHOTO.created_at))
        assert all(both.get_photo(number) for number in range(1, 41))
        assert 8 < sum(only_second.get_photo(number) is not None for number in range(1, 41)) < 32
        both.close()
        only_second.close()


def test_no_server_is_unavailable() -> None:
    cache = PhotoCache((("127.0.0.1", free_port()),), 0.2)
    with pytest.raises(UnavailableError, match="memcached"):
        cache.get_photo(1)
