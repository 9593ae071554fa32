"""Follows: each edge on the follower's shard, then on the followee's, each with its user's count.

There is no transaction over two servers. After a failure between the two, repeating the request sets the second edge.
"""

from service.domain.ids import shard_of
from service.stores.postgres.router import ShardRouter


class Follows:
    """Edges from followers to followees."""

    def __init__(self, shards: ShardRouter) -> None:
        self._shards = shards

    def add_follow(self, follower_id: int, followee_id: int) -> bool | None:
        """Whether anything of it is new; None when there is no such followee."""
        theirs = shard_of(followee_id)
        if not self._shards.rows(theirs, "SELECT 1 FROM {shard}.users WHERE user_id = $1", (followee_id,)):
            return None
        here = self._shards.rows(
            shard_of(follower_id),
            "WITH new AS (INSERT INTO {shard}.following (follower_id, followee_id) VALUES ($1, $2) "
            "ON CONFLICT DO NOTHING RETURNING 1), "
            "counted AS (UPDATE {shard}.users SET following = following + 1 "
            "WHERE user_id = $1 AND EXISTS (SELECT FROM new)) "
            "SELECT 1 FROM new",
            (follower_id, followee_id),
        )
        there = self._shards.rows(
            theirs,
            "WITH new AS (INSERT INTO {shard}.followers (followee_id, follower_id) VALUES ($1, $2) "
            "ON CONFLICT DO NOTHING RETURNING 1), "
            "counted AS (UPDATE {shard}.users SET followers = followers + 1 "
            "WHERE user_id = $1 AND EXISTS (SELECT FROM new)) "
            "SELECT 1 FROM new",
            (followee_id, follower_id),
        )
        return bool(here or there)

    def remove_follow(self, follower_id: int, followee_id: int) -> bool:
        """Whether anything of it was there."""
        here = self._shards.rows(
            shard_of(follower_id),
            "WITH old AS (DELETE FROM {shard}.following WHERE follower_id = $1 AND followee_id = $2 RETURNING 1), "
            "counted AS (UPDATE {shard}.users SET following = following - 1 "
            "WHERE user_id = $1 AND EXISTS (SELECT FROM old)) "
            "SELECT 1 FROM old",
            (follower_id, followee_id),
        )
        there = self._shards.rows(
            shard_of(followee_id),
            "WITH old AS (DELETE FROM {shard}.followers WHERE followee_id = $1 AND follower_id = $2 RETURNING 1), "
            "counted AS (UPDATE {shard}.users SET followers = followers - 1 "
            "WHERE user_id = $1 AND EXISTS (SELECT FROM old)) "
            "SELECT 1 FROM old",
            (followee_id, follower_id),
        )
        return bool(here or there)

    def followees(self, user_id: int) -> list[int]:
        """The ids of the users that a user follows."""
        rows = self._shards.rows(
            shard_of(user_id), "SELECT followee_id FROM {shard}.following WHERE follower_id = $1", (user_id,)
        )
        return [followee_id for (followee_id,) in rows]

    def followers(self, user_id: int, after: int, limit: int) -> list[int]:
        """The ids of a user's followers above `after`, lowest first."""
        rows = self._shards.rows(
            shard_of(user_id),
            "SELECT follower_id FROM {shard}.followers WHERE followee_id = $1 AND follower_id > $2 "
            "ORDER BY follower_id LIMIT $3",
            (user_id, after, limit),
        )
        return [follower_id for (follower_id,) in rows]
