"""Events on their way to devices: gathered in one Redis list, taken from it in batches by the jobs of the queue `push`.

A job an event would cost more than the event itself, so a request only appends to the list, and at most one job is
scheduled for all that waits. A batch stays in a list of its own until it is finished: the job that was killed over it
is repeated under the same name and finds it again.
"""

import secrets
from collections.abc import Callable, Sequence

import msgspec
import redis

from service.domain.entities import Event, Kind
from service.domain.errors import UnavailableError
from service.domain.pushes import Notice
from service.stores.redis import needs_redis

LARGEST_BATCH = 1000
MOST_WAITING = 1_000_000
"""About 100 MB; more is refused, so that a long outage of the push service does not fill the Redis of everybody."""

SCHEDULED_TTL_S = 5
"""How long a job counts as scheduled; a crash between marking and scheduling delays the events by no more."""

BATCH_TTL_S = 7 * 86_400
"""For as long a batch whose job failed for good can still be finished."""

_WAITING = "push:waiting"
_SCHEDULED = "push:scheduled"

_NOTIFY = """
if redis.call('LLEN', KEYS[1]) >= tonumber(ARGV[3]) then return -1 end
redis.call('RPUSH', KEYS[1], ARGV[1])
if redis.call('SET', KEYS[2], '1', 'NX', 'EX', ARGV[2]) then return 1 end
return 0
"""

_TAKE = """
local batch = redis.call('LRANGE', KEYS[3], 0, -1)
if #batch == 0 then
  redis.call('DEL', KEYS[2])
  batch = redis.call('LRANGE', KEYS[1], 0, ARGV[1] - 1)
  if #batch > 0 then
    redis.call('LTRIM', KEYS[1], #batch, -1)
    redis.call('RPUSH', KEYS[3], unpack(batch))
    redis.call('EXPIRE', KEYS[3], ARGV[2])
  end
end
return batch
"""

_CLAIM = """
if redis.call('LLEN', KEYS[1]) > 0 and redis.call('SET', KEYS[2], '1', 'NX', 'EX', ARGV[1]) then return 1 end
return 0
"""

# kind, actor, photo, at, recipient
_Row = tuple[Kind, int, int | None, float, int | None]


class Notifications:
    """The ports Notifications and NotificationBatches.

    `schedule` enqueues a job that delivers the batch of the name that it is given.
    """

    def __init__(self, client: redis.Redis, schedule: Callable[[str], None]) -> None:
        self._client = client
        self._schedule = schedule
        self._notify, self._take, self._claim = map(client.register_script, (_NOTIFY, _TAKE, _CLAIM))
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(_Row).decode

    @needs_redis
    def notify(self, event: Event, recipient_id: int | None = None) -> None:
        """Queue a notification of an event; without a recipient_id the job looks up the photo's owner."""
        row = self._encode((event.kind, event.actor_id, event.photo_id, event.at, recipient_id))
        outcome = self._notify(keys=[_WAITING, _SCHEDULED], args=[row, SCHEDULED_TTL_S, MOST_WAITING])
        if outcome < 0:
            raise UnavailableError("push", f"{MOST_WAITING} events wait already")
        if outcome:
            self._schedule(_new_name())

    @needs_redis
    def schedule_waiting(self) -> None:
        """Schedule a job when events wait without one, because a process died before scheduling it."""
        if self._claim(keys=[_WAITING, _SCHEDULED], args=[SCHEDULED_TTL_S]):
            self._schedule(_new_name())

    @needs_redis
    def take(self, batch: str) -> list[Notice]:
        """What the batch of this name holds; a new one gets what waits, LARGEST_BATCH at most, oldest first."""
        keys = [_WAITING, _SCHEDULED, _batch_key(batch)]
        rows = self._take(keys=keys, args=[LARGEST_BATCH, BATCH_TTL_S])
        self.schedule_waiting()
        return [
            Notice(Event(kind, actor_id, photo_id, at), recipient_id)
            for kind, actor_id, photo_id, at, recipient_id in map(self._decode, rows)
        ]

    @needs_redis
    def mark_sent(self, batch: str, push_ids: Sequence[str]) -> None:
        """Note pushes of a batch that need not be sent again."""
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.sadd(_sent_key(batch), *push_ids)
            pipeline.expire(_sent_key(batch), BATCH_TTL_S)
            pipeline.execute()

    @needs_redis
    def find_sent(self, batch: str) -> set[str]:
        """The pushes of a batch that were noted as sent."""
        members: set[bytes] = self._client.smembers(_sent_key(batch))  # type: ignore[assignment]
        return {member.decode() for member in members}

    @needs_redis
    def finish(self, batch: str) -> None:
        """Forget a batch and what was noted of it."""
        self._client.delete(_batch_key(batch), _sent_key(batch))


def _new_name() -> str:
    return secrets.token_hex(8)


def _batch_key(batch: str) -> str:
    return f"push:batch:{batch}"


def _sent_key(batch: str) -> str:
    return f"push:sent:{batch}"
