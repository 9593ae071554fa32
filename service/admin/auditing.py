"""What the service has stored since a moment, read from the stores themselves."""

from datetime import datetime
from typing import LiteralString

import psycopg
from psycopg import sql

from service.backends import bucket
from service.config import Config
from service.domain.errors import UnavailableError
from service.stores.objects import Objects
from service.stores.postgres import shard_map
from service.stores.postgres.pool import DeadlineConnection
from service.stores.postgres.router import schema

_PATIENCE_S = 60.0
"""For how long a server may be at it: millions of rows are looked through."""

_ROWS: dict[str, LiteralString] = {
    "likes": "SELECT user_id || ':' || photo_id FROM {}.likes WHERE created_at >= $1",
    "photos": "SELECT photo_id::text FROM {}.photos WHERE created_at >= $1",
    "users": "SELECT username FROM {}.users WHERE created_at >= $1",
    "comments": "SELECT author_id || ':' || photo_id || ':' || body FROM {}.comments WHERE created_at >= $1",
    # An edge has no moment of its own; those of new users are new, and each is on its follower's shard.
    "follows": "SELECT follower_id || ':' || followee_id FROM {0}.following JOIN {0}.users ON user_id = follower_id "
    "WHERE created_at >= $1",
}


def audit(config: Config, since: datetime) -> dict[str, list[str]]:
    """What was created at `since` or later: likes as USER:PHOTO, photos, users, and the keys of photo objects; comments
    as USER:PHOTO:TEXT, and of the users who are that new, whom they follow as USER:USER.

    Read from all primaries, one after the other. Object stores keep whole seconds: of objects, those of the second in
    which `since` lies count too.
    """
    known = shard_map.read(config.shards)
    stored: dict[str, list[str]] = {name: [] for name in _ROWS}
    try:
        for name, server in known.servers.items():
            if shards := known.shards_of(name):
                with DeadlineConnection.to(server.primary, _PATIENCE_S) as connection:
                    for kind, query in _ROWS.items():
                        stored[kind] += [text for (text,) in connection.execute(_over(query, shards), (since,))]
    except psycopg.Error as error:
        raise UnavailableError("postgres", error) from error
    objects = Objects(bucket(config, config.s3_endpoint), config.backend_timeout_s * 5)
    try:
        found = objects.list_objects("photos/")
    finally:
        objects.close()
    first_second = since.replace(microsecond=0)
    stored["objects"] = [entry.key for entry in found if entry.last_modified >= first_second]
    return stored


def _over(query: LiteralString, shards: list[int]) -> sql.Composed:
    """One statement for all of a server's shards."""
    return sql.SQL(" UNION ALL ").join(sql.SQL(query).format(sql.Identifier(schema(shard))) for shard in shards)
