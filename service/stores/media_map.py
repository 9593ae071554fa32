"""The media map in Redis: photo id → owner id in about 18 bytes an entry, a copy of what PostgreSQL knows.

Entries share hashes that Redis keeps as one packed list each ("listpack") as long as they have no more entries than
`hash-max-listpack-entries` (1300 here). Three things make an entry small:

- Which hash. Ids sort by time and hold the shard, so that id // 1000 would give each photo a hash of its own. The id
  is scrambled first, one to one, and then spread evenly: the remainder by the number of hashes names the hash, the
  quotient is the field, at most 7 bytes.
- What it says. An owner lives on his photo's shard, and ids of one shard are as good as moments: stored is how long
  after the owner's id the photo's was made, 6 bytes for whoever signed up less than 8 years before.
- How many share a hash. A list lies in memory of 4 KiB steps; ENTRIES_A_BUCKET fills the 20 KiB step, with room for
  chance, and stays below the 1300.
"""

from collections.abc import Iterable, Sequence

import redis

from service.domain.ids import SEQUENCE_BITS, SHARD_BITS
from service.stores.redis import needs_redis

ENTRIES_A_BUCKET = 1125
"""On average, of a full map: the number of buckets is the number of photos that it is laid out for, divided by this."""
LISTPACK_ENTRIES = 1300
"""What Redis's hash-max-listpack-entries must be at least."""

_TIME_SHIFT = SHARD_BITS + SEQUENCE_BITS
_SEQUENCE = (1 << SEQUENCE_BITS) - 1
_SHARD = (1 << _TIME_SHIFT) - 1 - _SEQUENCE
_IDS = (1 << 63) - 1
_MOMENTS = (1 << (63 - SHARD_BITS)) - 1


class MediaMap:
    """Owners by photo; `buckets` is the number of hashes, the same for all who use the map."""

    def __init__(self, client: redis.Redis, buckets: int) -> None:
        self._client = client
        self._buckets = buckets

    def put_owner(self, photo_id: int, owner_id: int) -> None:
        """Note whose photo it is."""
        self.put_owners([(photo_id, owner_id)])

    @needs_redis
    def put_owners(self, entries: Iterable[tuple[int, int]]) -> None:
        """Note the owners of many photos, (photo, owner), in one round trip."""
        by_key: dict[bytes, dict[bytes, bytes]] = {}
        for photo_id, owner_id in entries:
            key, field = locate(photo_id, self._buckets)
            by_key.setdefault(key, {})[field] = pack_owner(photo_id, owner_id)
        with self._client.pipeline(transaction=False) as pipeline:
            for key, fields in by_key.items():
                pipeline.hset(key, mapping=fields)  # type: ignore[arg-type]
            pipeline.execute()

    @needs_redis
    def find_owners(self, photo_ids: Sequence[int]) -> dict[int, int]:
        """The owners of those photos that are there, in one round trip."""
        with self._client.pipeline(transaction=False) as pipeline:
            for photo_id in photo_ids:
                pipeline.hget(*locate(photo_id, self._buckets))
            found = pipeline.execute()
        return {
            photo_id: unpack_owner(photo_id, packed)
            for photo_id, packed in zip(photo_ids, found, strict=True)
            if packed is not None
        }

    @needs_redis
    def drop_other_layouts(self) -> None:
        """Remove what maps with another number of buckets have left."""
        mine = _prefix(self._buckets)
        stale = [key for key in self._client.scan_iter(b"media:*", count=1000) if not key.startswith(mine)]
        if stale:
            self._client.unlink(*stale)


def buckets_for(entries: int) -> int:
    """The number of buckets of a map that is laid out for so many entries."""
    return -(-entries // ENTRIES_A_BUCKET)


def locate(photo_id: int, buckets: int) -> tuple[bytes, bytes]:
    """The key of the hash, and the field in it."""
    quotient, remainder = divmod(scramble(photo_id), buckets)
    # The number of buckets is part of the key: read by another number, an entry would seem to be another photo's.
    return _prefix(buckets) + b"%d" % remainder, _packed(quotient)


def scramble(photo_id: int) -> int:
    """Another 63-bit number for each, so that every bit of the id has its say in the remainder."""
    # Odd factors and shifts to the right can each be undone, so no two ids become one.
    mixed = (photo_id * 0x3C79AC492BA7B653) & _IDS
    mixed ^= mixed >> 32
    mixed = (mixed * 0x1C69B3F74AC4AE35) & _IDS
    return mixed ^ (mixed >> 29)


def pack_owner(photo_id: int, owner_id: int) -> bytes:
    """How long after the owner's id the photo's was made; ValueError when they are of different shards."""
    if (photo_id ^ owner_id) & _SHARD:
        raise ValueError(f"photo {photo_id} is on another shard than its owner {owner_id}")
    return _packed((_moment(photo_id) - _moment(owner_id)) & _MOMENTS)


def unpack_owner(photo_id: int, packed: bytes) -> int:
    """The owner that pack_owner was given."""
    moment = (_moment(photo_id) - int.from_bytes(packed)) & _MOMENTS
    return ((moment >> SEQUENCE_BITS) << _TIME_SHIFT) | (photo_id & _SHARD) | (moment & _SEQUENCE)


def _moment(number: int) -> int:
    """An id without its shard: 40 bits of milliseconds, 10 of sequence."""
    return ((number >> _TIME_SHIFT) << SEQUENCE_BITS) | (number & _SEQUENCE)


def _packed(number: int) -> bytes:
    """Big-endian, without leading zeros."""
    return number.to_bytes((number.bit_length() + 7) // 8)


def _prefix(buckets: int) -> bytes:
    return b"media:%d:" % buckets
