"""Activity in Redis: the events that each user is notified of, newest first.

Each user has a sorted set: the score is the moment in microseconds since 1970, the member holds kind, actor
and photo. So the same thing done again moves up and is not listed twice. It can be lost with Redis: the likes, comments
and follows themselves are in PostgreSQL.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

import redis

from service.domain.entities import Event, Kind
from service.stores.redis import needs_redis

MOST_EVENTS = 100
TTL_S = 30 * 86_400
"""Counted from the newest event."""

CHUNK = 100
"""Users a call: Redis does nothing else while a script runs, here for about a millisecond."""

# Each user's events follow their number, as score and member. Never back in time: a job that runs again may hold older
# news than are there.
_ADD = """
local at = 3
for _, key in ipairs(KEYS) do
  local last = at + 2 * ARGV[at]
  redis.call('ZADD', key, 'GT', unpack(ARGV, at + 1, last))
  redis.call('ZREMRANGEBYRANK', key, 0, ARGV[2])
  redis.call('EXPIRE', key, ARGV[1])
  at = last + 1
end
"""

_KINDS: Mapping[Kind, bytes] = {"like": b"l", "comment": b"c", "follow": b"f"}
_NAMES: Mapping[bytes, Kind] = {code: kind for kind, code in _KINDS.items()}
_MEMBER = struct.Struct(">cQQ")
_NO_PHOTO = 0


class Activity:
    """The newest MOST_EVENTS events of each user, for `ttl` seconds."""

    def __init__(self, client: redis.Redis, ttl: int = TTL_S) -> None:
        self._client = client
        self._ttl = ttl
        self._add = client.register_script(_ADD)

    @needs_redis
    def add_events(self, events: Mapping[int, Sequence[Event]]) -> None:
        """Add events by the recipient; repeating the call adds nothing."""
        told = [(user_id, news) for user_id, news in events.items() if news]
        for start in range(0, len(told), CHUNK):
            users = told[start : start + CHUNK]
            arguments = [self._ttl, -MOST_EVENTS - 1, *(one for _, news in users for one in _listed(news))]
            self._add(keys=[_key(user_id) for user_id, _ in users], args=arguments)

    @needs_redis
    def read_events(self, user_id: int, before: float, limit: int) -> list[Event]:
        """Events from before a moment, newest first; moments in seconds since 1970, kept to the microsecond."""
        # Not by _microseconds: `before` may be infinite.
        highest = f"({before * 1_000_000:.0f}"
        found: Any = self._client.zrevrangebyscore(_key(user_id), highest, 0, start=0, num=limit, withscores=True)
        return [_unpack(member, score) for member, score in found]


def _listed(news: Sequence[Event]) -> Iterator[int | bytes]:
    """The newest events as the script takes them."""
    latest: dict[bytes, int] = {}
    for event in news:
        member = _pack(event)
        latest[member] = max(_microseconds(event.at), latest.get(member, 0))
    kept = sorted(latest.items(), key=itemgetter(1))[-MOST_EVENTS:]
    yield len(kept)
    for member, score in kept:
        yield score
        yield member


def _pack(event: Event) -> bytes:
    return _MEMBER.pack(_KINDS[event.kind], event.actor_id, event.photo_id or _NO_PHOTO)


def _unpack(member: bytes, score: float) -> Event:
    code, actor_id, photo_id = _MEMBER.unpack(member)
    return Event(_NAMES[code], actor_id, photo_id or None, score / 1_000_000)


def _microseconds(moment: float) -> int:
    return round(moment * 1_000_000)


def _key(user_id: int) -> str:
    return f"activity:{user_id}"
