"""The cache on real memcached servers, some of which die or hang."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from service.domain.entities import Photo, PhotoState
from service.domain.errors import UnavailableError
from service.stores.memcached import LONGEST_WAIT_S, PhotoCache
from service.stores.memcached_servers import SETTLING_S, SLOTS, Ring
from tests.servers import accepts, free_port, process, standing_still, wait_until

PHOTO = Photo(2**62, 2**61, "photos/1/2.jpg", "Grüße 🐕", datetime(2010, 10, 6, 1, 2, 3, 456789, tzinfo=UTC))
STATE = PhotoState(likes=3, thumbnail=True)
NUMBERS = range(1, 41)


@dataclass(frozen=True)
class Running:
    """A memcached and its address."""

    address: tuple[str, int]
    pid: int


@contextmanager
def memcached(port: int | None = None) -> Iterator[Running]:
    """A memcached, on this port or a free one."""
    port = port or free_port()
    command = ["memcached", "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-m", "16"]
    if os.geteuid() == 0:
        command += ["-u", "nobody"]
    with process(command, lambda: accepts(port)) as running:
        yield Running(("127.0.0.1", port), running.pid)


@contextmanager
def cache_of(*servers: Running) -> Iterator[PhotoCache]:
    cache = PhotoCache([server.address for server in servers], 2.0)
    try:
        yield cache
    finally:
        cache.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with memcached() as running:
        yield running


@pytest.fixture
def cache(server: Running) -> Iterator[PhotoCache]:
    """Empty."""
    with cache_of(server) as cache:
        cache.flush()
        yield cache


def photo(number: int) -> Photo:
    return Photo(number, 1, "key", "", PHOTO.created_at)


def fill(cache: PhotoCache, number: int, state: PhotoState) -> None:
    lease = cache.lease_state(number)
    assert lease is not None
    cache.fill_state(number, state, lease)


def test_a_photo_comes_back_as_it_was(cache: PhotoCache) -> None:
    assert cache.get_photo(PHOTO.id) is None
    cache.put_photo(PHOTO)
    assert cache.get_photo(PHOTO.id) == PHOTO


def test_one_lease_fills_the_state(cache: PhotoCache) -> None:
    lease = cache.lease_state(1)
    assert lease is not None
    assert cache.lease_state(1) is None
    assert cache.get_state(1) is None
    assert cache.get_states([1]) == {}
    cache.fill_state(1, STATE, lease)
    assert cache.get_state(1) == STATE
    assert cache.lease_state(1) is None


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


@pytest.mark.timed
def test_who_waits_gets_what_the_lease_fills_or_hears_that_it_is_gone(cache: PhotoCache) -> None:
    fill(cache, 1, STATE)
    assert cache.await_state(1, 0.01) == STATE
    cache.forget_state(1)
    started = time.monotonic()
    assert cache.await_state(1, 5) is None
    assert time.monotonic() - started < 1
    assert cache.lease_state(1)
    started = time.monotonic()
    assert cache.await_state(1, 0.05) is None
    assert 0.03 < time.monotonic() - started < 1


def test_entries_are_spread_over_the_servers_and_read_together() -> None:
    with memcached() as first, memcached() as second, cache_of(first, second) as both, cache_of(second) as one:
        for number in NUMBERS:
            both.put_photo(photo(number))
            fill(both, number, PhotoState(number, False))
        assert both.get_photos([*NUMBERS, 99]) == {number: photo(number) for number in NUMBERS}
        assert both.get_states([*NUMBERS, 99]) == {number: PhotoState(number, False) for number in NUMBERS}
        assert 8 < len(one.get_photos(NUMBERS)) < 32
        assert set(one.get_photos(NUMBERS)) == set(one.get_states(NUMBERS))


def test_a_server_more_moves_only_its_share() -> None:
    servers = [("127.0.0.1", port) for port in range(1, 7)]
    before, after, other_order = (
        [ordered[ring.find(slot)] for slot in range(SLOTS)]
        for ordered in (servers[:5], servers, servers[::-1])
        for ring in [Ring(ordered)]
    )
    assert {new for old, new in zip(before, after, strict=True) if old != new} == {servers[5]}
    assert all(SLOTS / 6 * 0.7 < after.count(server) < SLOTS / 6 * 1.3 for server in servers)
    assert other_order == after


def test_no_server_is_unavailable() -> None:
    cache = PhotoCache((("127.0.0.1", free_port()),), 0.2)
    for operation in (cache.get_photo, cache.get_state, cache.lease_state, cache.forget_state):
        with pytest.raises(UnavailableError, match="memcached"):
            operation(1)
    with pytest.raises(UnavailableError, match="memcached"):
        cache.get_photos([1, 2])


@pytest.mark.timed
def test_a_dead_server_costs_its_own_entries_only() -> None:
    with memcached() as first, memcached() as second, cache_of(first, second) as cache, cache_of(second) as other:
        for number in NUMBERS:
            cache.put_photo(photo(number))
        # On the connections that put them, so that they are there.
        assert set(cache.get_photos(NUMBERS)) == set(NUMBERS)
        lost = set(other.get_photos(NUMBERS))
        os.kill(second.pid, signal.SIGKILL)
        started = time.monotonic()
        assert set(cache.get_photos(NUMBERS)) == set(NUMBERS) - lost
        for number in lost:
            with pytest.raises(UnavailableError):
                cache.forget_state(number)
        assert time.monotonic() - started < LONGEST_WAIT_S


@pytest.mark.timed
def test_a_server_that_hangs_costs_one_time_out_and_loses_no_deletion() -> None:
    with memcached() as server, cache_of(server) as cache, cache_of(server) as other:
        fill(cache, 1, STATE)
        fill(cache, 2, STATE)
        with standing_still(server.pid):
            with pytest.raises(UnavailableError):
                cache.get_state(1)
            started = time.monotonic()
            for number in (1, 2, 1):
                with pytest.raises(UnavailableError):
                    cache.forget_state(number)
            assert time.monotonic() - started < LONGEST_WAIT_S / 2
        wait_until(lambda: other.get_state(1) is None and other.get_state(2) is None)
        assert answers_again(cache) >= SETTLING_S / 2
        assert cache.get_states([1, 2]) == {}


def answers_again(cache: PhotoCache) -> float:
    """After how many seconds the cache asks its server again."""
    started = time.monotonic()

    def answers() -> bool:
        try:
            cache.ping()
        except UnavailableError:
            return False
        return True

    wait_until(answers)
    return time.monotonic() - started


def test_a_deletion_that_times_out_is_made_up_for() -> None:
    with memcached() as server, cache_of(server) as cache, cache_of(server) as other:
        fill(cache, 1, STATE)
        with standing_still(server.pid), pytest.raises(UnavailableError):
            cache.forget_state(1)
        wait_until(lambda: other.get_state(1) is None)


def test_a_deletion_reaches_a_server_that_was_started_anew() -> None:
    port = free_port()
    with memcached(port) as server, cache_of(server) as cache:
        fill(cache, 1, STATE)
        os.kill(server.pid, signal.SIGKILL)
        wait_until(lambda: not accepts(port))
        with memcached(port) as again, cache_of(again) as other:
            fill(other, 1, STATE)
            cache.forget_state(1)
            assert other.get_state(1) is None
