"""Main feeds in Redis: for each user the ids of the newest photos of the followed users.

A feed is a sorted set in which every score is 0, so that its members, ids of eight bytes each, sort as text: scores
are doubles and would mix up neighbouring 64-bit ids. Its lowest member, the mark, makes an empty feed exist. With
`zset-max-listpack-entries` of LISTPACK_ENTRIES or more Redis keeps a full feed in 4 kB, otherwise in 30.
"""

import secrets
from collections.abc import Iterator, Sequence

import redis

from service.domain.feed import LONGEST_FEED
from service.stores.redis import needs_redis

LISTPACK_ENTRIES = LONGEST_FEED + 2
"""What Redis's zset-max-listpack-entries should be at least: a full feed, the mark, and one more before it is cut."""
UNREAD_TTL_S = 7 * 86_400
LEASE_TTL_S = 10
CHUNK = 100
"""Followers a call: Redis does nothing else while a script runs, here for about two milliseconds at most."""

_MARK = bytes(8)

_READ = """
if redis.call('EXPIRE', KEYS[1], ARGV[1]) == 0 then return false end
return redis.call('ZREVRANGEBYLEX', KEYS[1], ARGV[2], ARGV[3], 'LIMIT', 0, ARGV[4])
"""
_FILL = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
for i = 3, #ARGV do redis.call('ZADD', KEYS[1], 0, ARGV[i]) end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""
# The keys are those of the feeds, then those of the leases. Who has no feed may be about to fill one from what he read
# before the photo was there: without his lease he cannot.
_PUSH = """
local users = #KEYS / 2
for i = 1, users do
  if redis.call('EXISTS', KEYS[i]) == 0 then
    redis.call('DEL', KEYS[users + i])
  elseif redis.call('ZADD', KEYS[i], 0, ARGV[1]) == 1 then
    redis.call('ZREMRANGEBYRANK', KEYS[i], 1, ARGV[2])
  end
end
"""


class Feeds:
    """Feeds of at most LONGEST_FEED photos; one that nobody has read for `unread_ttl` seconds goes.

    A feed is filled under a lease which a push or a drop takes away, so that a reader who was overtaken cannot store
    what he read before.
    """

    def __init__(self, client: redis.Redis, unread_ttl: int = UNREAD_TTL_S) -> None:
        self._client = client
        self._unread_ttl = unread_ttl
        self._read = client.register_script(_READ)
        self._fill = client.register_script(_FILL)
        self._push = client.register_script(_PUSH)

    @needs_redis
    def read_feed(self, user_id: int, before: int, limit: int) -> list[int] | None:
        """Ids below `before`, newest first; None when there is no feed and it is to be rebuilt."""
        positions = b"(" + _member(before), b"(" + _MARK
        members = self._read(keys=[_feed(user_id)], args=[self._unread_ttl, *positions, limit])
        return None if members is None else [int.from_bytes(member) for member in members]

    @needs_redis
    def lease_feed(self, user_id: int) -> bytes:
        """The right to fill the feed once; the newest one counts."""
        lease = secrets.token_bytes(8)
        self._client.set(_lease(user_id), lease, ex=LEASE_TTL_S)
        return lease

    @needs_redis
    def fill_feed(self, user_id: int, photo_ids: Sequence[int], lease: bytes) -> None:
        """Store the newest of these ids unless the lease is gone."""
        newest = sorted(photo_ids, reverse=True)[:LONGEST_FEED]
        members = [_MARK, *map(_member, newest)]
        self._fill(keys=[_feed(user_id), _lease(user_id)], args=[lease, self._unread_ttl, *members])

    @needs_redis
    def drop_feed(self, user_id: int) -> None:
        """Have the feed rebuilt."""
        self._client.delete(_feed(user_id), _lease(user_id))

    @needs_redis
    def push_photo(self, photo_id: int, follower_ids: Sequence[int]) -> None:
        """Add a photo to the feeds that exist, and cut them; may be repeated."""
        member, last_cut = _member(photo_id), -LONGEST_FEED - 1
        for users in _chunks(follower_ids):
            self._push(keys=[*map(_feed, users), *map(_lease, users)], args=[member, last_cut])


def _chunks(user_ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(user_ids), CHUNK):
        yield user_ids[start : start + CHUNK]


def _member(photo_id: int) -> bytes:
    return photo_id.to_bytes(8)


def _feed(user_id: int) -> str:
    return f"feed:{user_id}"


def _lease(user_id: int) -> str:
    return f"feed-lease:{user_id}"
