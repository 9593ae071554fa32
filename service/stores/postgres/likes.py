"""The tables of likes, and the count of them that each photo keeps, on the photo's shard.

Both change in one statement, so that the count is right without a transaction over several round trips.
"""

from service.domain.entities import LikeOutcome
from service.domain.ids import shard_of
from service.stores.postgres.pool import Row
from service.stores.postgres.router import ShardRouter


class Likes:
    """One like a photo and user."""

    def __init__(self, shards: ShardRouter) -> None:
        self._shards = shards

    def add_like(self, photo_id: int, user_id: int) -> LikeOutcome | None:
        """What came of it; None when there is no such photo."""
        return _outcome(
            self._shards.row(
                shard_of(photo_id), "SELECT changed, likes FROM {shard}.add_like($1, $2)", (photo_id, user_id)
            )
        )

    def remove_like(self, photo_id: int, user_id: int) -> LikeOutcome | None:
        """What came of it; None when there is no such photo."""
        return _outcome(
            self._shards.row(
                shard_of(photo_id), "SELECT changed, likes FROM {shard}.remove_like($1, $2)", (photo_id, user_id)
            )
        )


def _outcome(row: Row | None) -> LikeOutcome | None:
    return LikeOutcome(*row) if row and row[1] is not None else None
