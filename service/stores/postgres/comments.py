"""The tables of comments, each comment on its photo's shard."""

from service.domain.entities import Comment
from service.domain.ids import shard_of
from service.stores.postgres.router import ShardRouter


class Comments:
    """Comments by photo."""

    def __init__(self, shards: ShardRouter) -> None:
        self._shards = shards

    def add_comment(self, photo_id: int, author_id: int, text: str) -> Comment | None:
        """The new comment, None when there is no such photo."""
        row = self._shards.row(
            shard_of(photo_id),
            "INSERT INTO {shard}.comments (comment_id, photo_id, author_id, body) "
            "SELECT {shard}.next_id(), photo_id, $2, $3 FROM {shard}.photos WHERE photo_id = $1 "
            "RETURNING comment_id, photo_id, author_id, body, created_at",
            (photo_id, author_id, text),
        )
        return Comment(*row) if row else None

    def find_comments(self, photo_id: int, after: int, limit: int, fresh: bool) -> list[Comment]:
        """Comments with ids above `after`, oldest first."""
        rows = self._shards.rows(
            shard_of(photo_id),
            "SELECT comment_id, photo_id, author_id, body, created_at FROM {shard}.comments "
            "WHERE photo_id = $1 AND comment_id > $2 ORDER BY comment_id LIMIT $3",
            (photo_id, after, limit),
            fresh,
        )
        return [Comment(*row) for row in rows]
