"""What the service has stored since a moment, read from the stores themselves."""

from datetime import datetime
from typing import LiteralString

from service.backends import bucket
from service.config import Config
from service.stores.objects import Objects
from service.stores.postgres.router import ShardRouter

_TIMEOUT_S = 60.0
"""For one statement, which may read millions of rows."""

_ROWS: dict[str, LiteralString] = {
    "likes": "SELECT user_id || ':' || photo_id FROM {shard}.likes WHERE created_at >= $1",
    "photos": "SELECT photo_id::text FROM {shard}.photos WHERE created_at >= $1",
    "users": "SELECT username FROM {shard}.users WHERE created_at >= $1",
    "comments": "SELECT author_id || ':' || photo_id || ':' || body FROM {shard}.comments WHERE created_at >= $1",
    # A follow has no time of its own. A new user's follows are new, and each is on the follower's shard.
    "follows": "SELECT follower_id || ':' || followee_id FROM {shard}.following "
    "JOIN {shard}.users ON user_id = follower_id WHERE created_at >= $1",
}


def audit(config: Config, since: datetime) -> dict[str, list[str]]:
    """What was created at `since` or later, by kind, read from all primaries.

    likes: USER:PHOTO. photos, users: ids and names. comments: USER:PHOTO:TEXT. follows: USER:USER, of users who were
    created since. objects: keys of photo objects; object stores keep whole seconds, so all of the first second count.
    """
    shards = ShardRouter(config.shards, 1, _TIMEOUT_S, lambda _waited: None)
    objects = Objects(bucket(config, config.s3_endpoint), config.backend_timeout_s * 5)
    try:
        stored = {
            kind: [text for shard in range(shards.count) for (text,) in shards.rows(shard, query, (since,))]
            for kind, query in _ROWS.items()
        }
        found = objects.list_objects("photos/")
    finally:
        shards.close()
        objects.close()
    first_second = since.replace(microsecond=0)
    stored["objects"] = [entry.key for entry in found if entry.last_modified >= first_second]
    return stored
