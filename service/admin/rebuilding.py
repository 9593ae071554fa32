"""Rebuilding of what Redis held: the media map. Feeds come back when they are read, sessions when users log in."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

from service.config import Config
from service.stores.media_map import LISTPACK_ENTRIES, MediaMap
from service.stores.postgres.router import ShardRouter
from service.stores.redis import connect_redis

PAGE = 50_000
"""Photos a statement: enough for one round trip to Redis to fill each hash with many."""

_NEXT = "SELECT photo_id, owner_id FROM {shard}.photos WHERE photo_id > $1 ORDER BY photo_id LIMIT $2"


@dataclass(frozen=True)
class Rebuilt:
    """How many entries were put into the map, in how many seconds.

    too_small: the map is laid out for so much less that its entries cost several times as much.
    """

    entries: int
    seconds: float
    too_small: bool


def rebuild(config: Config, on_progress: Callable[[int], None]) -> Rebuilt:
    """Put the owners of all photos into the media map, page by page; `on_progress` gets the number so far.

    It may run beside the service, and again: what is there already is written once more.
    """
    started = perf_counter()
    client = connect_redis(config.redis_url, config.backend_timeout_s * 5)
    shards = ShardRouter(config.shards, 1, config.backend_timeout_s * 5, lambda _waited: None)
    media_map = MediaMap(client, config.media_map_buckets)
    entries = 0
    try:
        media_map.drop_other_layouts()
        for shard in range(shards.count):
            last = 0
            while page := shards.rows(shard, _NEXT, (last, PAGE)):
                media_map.put_owners((photo_id, owner_id) for photo_id, owner_id in page)
                last = page[-1][0]
                entries += len(page)
                on_progress(entries)
    finally:
        shards.close()
        client.close()
    return Rebuilt(entries, perf_counter() - started, entries > config.media_map_buckets * LISTPACK_ENTRIES)
