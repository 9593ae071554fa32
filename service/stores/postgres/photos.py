"""The tables of photos, each photo on its owner's shard."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from service.domain.entities import Photo, PhotoState
from service.domain.ids import shard_of
from service.stores.postgres.pool import Row
from service.stores.postgres.router import ShardRouter


class Photos:
    """Photos by id and by owner."""

    def __init__(self, shards: ShardRouter) -> None:
        self._shards = shards

    def next_photo_id(self, owner_id: int) -> int:
        """An id that no photo has or will get."""
        number: int = self._shards.rows(shard_of(owner_id), "SELECT {shard}.next_id()")[0][0]
        return number

    def insert_photo(self, photo_id: int, owner_id: int, key: str, caption: str) -> tuple[Photo, PhotoState] | None:
        """The new photo, None when there is one with this id already."""
        row = self._shards.row(
            shard_of(photo_id),
            "WITH new AS (INSERT INTO {shard}.photos (photo_id, owner_id, object_key, caption) VALUES ($1, $2, $3, $4) "
            "ON CONFLICT (photo_id) DO NOTHING "
            "RETURNING photo_id, owner_id, object_key, caption, created_at, like_count, thumbnail), "
            "counted AS (UPDATE {shard}.users SET photos = photos + 1 WHERE user_id = $2 AND EXISTS (SELECT FROM new)) "
            "SELECT * FROM new",
            (photo_id, owner_id, key, caption),
        )
        return _whole(row) if row else None

    def find_photo(self, photo_id: int) -> Photo | None:
        """What of a photo never changes."""
        row = self._shards.row(
            shard_of(photo_id),
            "SELECT photo_id, owner_id, object_key, caption, created_at FROM {shard}.photos WHERE photo_id = $1",
            (photo_id,),
        )
        return Photo(*row) if row else None

    def find_photos(self, photo_ids: Sequence[int]) -> dict[int, tuple[Photo, PhotoState]]:
        """Those that exist."""
        rows = self._shards.gather(
            "SELECT photo_id, owner_id, object_key, caption, created_at, like_count, thumbnail "
            "FROM {shard}.photos WHERE photo_id = ANY({ids})",
            (),
            _by_shard(photo_ids),
        )
        return {row[0]: _whole(row) for row in rows}

    def find_state(self, photo_id: int) -> PhotoState | None:
        """What of a photo changes."""
        row = self._shards.row(
            shard_of(photo_id),
            "SELECT like_count, thumbnail FROM {shard}.photos WHERE photo_id = $1",
            (photo_id,),
        )
        return PhotoState(*row) if row else None

    def newest_of(self, owner_id: int, before: int, limit: int, fresh: bool) -> list[int]:
        """The ids of a user's photos below `before`, newest first."""
        rows = self._shards.rows(
            shard_of(owner_id),
            "SELECT photo_id FROM {shard}.photos WHERE owner_id = $1 AND photo_id < $2 ORDER BY photo_id DESC LIMIT $3",
            (owner_id, before, limit),
            fresh,
        )
        return [photo_id for (photo_id,) in rows]

    def newest_of_all(self, owner_ids: Sequence[int], before: int, limit: int) -> list[int]:
        """The ids of these users' photos below `before`, newest first; reads at most `limit` of each user."""
        rows = self._shards.gather(
            "SELECT newest.photo_id FROM unnest({ids}) AS owner CROSS JOIN LATERAL ("
            "SELECT photo_id FROM {shard}.photos WHERE owner_id = owner AND photo_id < $1 "
            "ORDER BY photo_id DESC LIMIT $2) AS newest ORDER BY newest.photo_id DESC LIMIT $2",
            (before, limit),
            _by_shard(owner_ids),
        )
        return sorted((photo_id for (photo_id,) in rows), reverse=True)[:limit]

    def mark_thumbnail(self, photo_id: int) -> None:
        """Note that the photo's thumbnail is in the store."""
        self._shards.rows(
            shard_of(photo_id),
            "UPDATE {shard}.photos SET thumbnail = true WHERE photo_id = $1 RETURNING 1",
            (photo_id,),
        )


def _whole(row: Row) -> tuple[Photo, PhotoState]:
    return Photo(*row[:5]), PhotoState(*row[5:])


def _by_shard(ids: Iterable[int]) -> Mapping[int, list[int]]:
    grouped: dict[int, list[int]] = defaultdict(list)
    for number in ids:
        grouped[shard_of(number)].append(number)
    return grouped
