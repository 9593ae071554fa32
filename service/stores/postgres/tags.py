"""Which photos are listed under each tag, on the shard that the tag's hash gives."""

from collections.abc import Sequence

from service.domain.ids import shard_of_name
from service.stores.postgres.router import ShardRouter


class Tags:
    """Photos by tag."""

    def __init__(self, shards: ShardRouter) -> None:
        self._shards = shards

    def add_tags(self, photo_id: int, tags: Sequence[str]) -> None:
        """List the photo under each tag; may be repeated."""
        for tag in tags:
            self._shards.rows(
                shard_of_name(tag, self._shards.count),
                "INSERT INTO {shard}.tags (tag, photo_id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING 1",
                (tag, photo_id),
            )

    def newest_tagged(self, tag: str, before: int, limit: int, fresh: bool) -> list[int]:
        """The ids of photos below `before`, newest first."""
        rows = self._shards.rows(
            shard_of_name(tag, self._shards.count),
            "SELECT photo_id FROM {shard}.tags WHERE tag = $1 AND photo_id < $2 ORDER BY photo_id DESC LIMIT $3",
            (tag, before, limit),
            fresh,
        )
        return [photo_id for (photo_id,) in rows]
