"""The media map on a real Redis, and what an entry costs."""

import random
from collections.abc import Iterator

import pytest
import redis

from service.domain import ids
from service.domain.errors import UnavailableError
from service.stores.media_map import LISTPACK_ENTRIES, MediaMap, buckets_for, locate, pack_owner, scramble, unpack_owner
from service.stores.redis import connect_redis
from tests.servers import free_port
from tests.servers import redis as redis_server

MOST_BYTES_AN_ENTRY = 20.5


@pytest.fixture(scope="module")
def client() -> Iterator[redis.Redis]:
    with redis_server() as url:
        client = connect_redis(url, 2.0)
        yield client
        client.close()


def pair(drawn: random.Random) -> tuple[int, int]:
    """A photo and an owner on its shard, at any two moments."""
    shard = drawn.randrange(ids.MOST_SHARDS)
    photo_id, owner_id = (ids.compose(drawn.randrange(2**40), shard, drawn.randrange(1024)) for _ in range(2))
    return photo_id, owner_id


def test_owners_come_back_as_they_were(client: redis.Redis) -> None:
    drawn = random.Random(1)
    expected = dict(pair(drawn) for _ in range(5000))
    media_map = MediaMap(client, 7)
    media_map.put_owners(expected.items())
    assert media_map.find_owners(list(expected)) == expected


def test_what_is_not_there_is_left_out(client: redis.Redis) -> None:
    media_map = MediaMap(client, buckets_for(1))
    known, owner = ids.compose(10**11, 5, 1), ids.compose(10**10, 5, 0)
    media_map.put_owner(known, owner)
    media_map.put_owner(known, owner)
    assert media_map.find_owners([known, known + 1]) == {known: owner}
    assert media_map.find_owners([]) == {}


@pytest.mark.parametrize(
    ("photo", "owner"),
    [
        ((0, 0, 1), (0, 0, 0)),
        ((2**40 - 1, 8191, 1023), (0, 8191, 0)),
        ((0, 8191, 0), (2**40 - 1, 8191, 1023)),  # as after the clock was set back
        ((5, 3, 9), (5, 3, 9)),
    ],
)
def test_an_owner_is_packed_without_loss(photo: tuple[int, int, int], owner: tuple[int, int, int]) -> None:
    photo_id, owner_id = ids.compose(*photo), ids.compose(*owner)
    packed = pack_owner(photo_id, owner_id)
    assert len(packed) <= 7
    assert unpack_owner(photo_id, packed) == owner_id


def test_an_owner_on_another_shard_is_refused() -> None:
    with pytest.raises(ValueError, match="another shard"):
        pack_owner(ids.compose(10, 1, 0), ids.compose(5, 2, 0))


def test_no_two_ids_share_a_place() -> None:
    drawn = random.Random(2)
    near = range(ids.compose(10**11, 3, 0), ids.compose(10**11, 3, 0) + 20_000)
    far = {drawn.randrange(1, ids.LARGEST) for _ in range(20_000)}
    photos = {*near, *far, 1, ids.LARGEST}
    assert len({locate(photo_id, 18) for photo_id in photos}) == len(photos)
    assert all(0 <= scramble(photo_id) <= ids.LARGEST for photo_id in photos)


@pytest.mark.parametrize("step", [1, 1 << ids.SEQUENCE_BITS, 1 << (ids.SEQUENCE_BITS + ids.SHARD_BITS)])
def test_buckets_fill_evenly_whichever_bits_differ(step: int) -> None:
    start = ids.compose(10**11, 0, 0)
    filled = [0] * 100
    for photo_id in range(start, start + 100_000 * step, step):
        filled[int(locate(photo_id, 100)[0].rpartition(b":")[2])] += 1
    # 1,000 each on average; five standard deviations of chance are 157.
    assert min(filled) > 843
    assert max(filled) < 1157


def test_another_number_of_buckets_is_another_map(client: redis.Redis) -> None:
    photo_id, owner_id = pair(random.Random(3))
    small, large = MediaMap(client, 3), MediaMap(client, 30)
    small.put_owner(photo_id, owner_id)
    assert large.find_owners([photo_id]) == {}
    large.put_owner(photo_id, owner_id)
    large.drop_other_layouts()
    assert small.find_owners([photo_id]) == {}
    assert large.find_owners([photo_id]) == {photo_id: owner_id}


def photo_of_last_year(drawn: random.Random, number: int) -> tuple[int, int]:
    """The number-th photo of 25 a second and its owner, who signed up within the year before."""
    year_ms = 365 * 86_400_000
    made, shard = 2 * year_ms + 40 * number, drawn.randrange(16)
    owner_id = ids.compose(made - drawn.randrange(1, year_ms), shard, drawn.randrange(8))
    return ids.compose(made, shard, number % 8), owner_id


def test_an_entry_costs_what_it_may(client: redis.Redis) -> None:
    drawn, entries = random.Random(1), 60_000
    owners = dict(photo_of_last_year(drawn, number) for number in range(entries))
    client.config_set("hash-max-listpack-entries", LISTPACK_ENTRIES)
    client.flushdb()
    before = client.info("memory")["used_memory"]
    media_map = MediaMap(client, buckets_for(entries))
    # In pieces, or the connection's own buffers would count.
    for start in range(0, entries, 500):
        media_map.put_owners(list(owners.items())[start : start + 500])
    used = (client.info("memory")["used_memory"] - before) / entries
    assert 8 < used <= MOST_BYTES_AN_ENTRY
    assert media_map.find_owners(list(owners)) == owners


def test_no_server_is_unavailable() -> None:
    client = connect_redis(f"redis://127.0.0.1:{free_port()}/0", 0.2)
    media_map = MediaMap(client, 10)
    with pytest.raises(UnavailableError, match="redis"):
        media_map.find_owners([1])
    with pytest.raises(UnavailableError, match="redis"):
        media_map.put_owner(1, 2)
    with pytest.raises(UnavailableError, match="redis"):
        media_map.drop_other_layouts()
    client.close()
