"""The seeded population as rows of the tables, in PostgreSQL's binary COPY format: made without a loop over them."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from service.admin.seed.population import Batch, Ids, Population
from service.domain.ids import EPOCH, SEQUENCE_BITS, SHARD_BITS

Column = NDArray[np.generic]

_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
_TRAILER = struct.pack("!h", -1)
_MICROSECONDS_TO_EPOCH = int((EPOCH - datetime(2000, 1, 1, tzinfo=UTC)).total_seconds()) * 1_000_000


@dataclass(frozen=True)
class Rows:
    """Some rows of one table; `data` is what COPY table (columns) FROM STDIN (FORMAT binary) takes."""

    table: str
    columns: tuple[str, ...]
    count: int
    data: bytes


def rows_of_users(population: Population, batch: Batch, password_hash: str, keys: Sequence[str]) -> Iterator[Rows]:
    """The users of a batch, each with one device, their photos, and the likes of these.

    The photos' objects are named by `keys`, in turn.
    """
    yield _rows(
        "users",
        user_id=batch.users,
        username=np.array([b"seed%d" % number for number in batch.numbers.tolist()]),
        password_hash=np.full(len(batch.users), password_hash.encode()),
        photos=batch.photo_counts,
        followers=population.follower_counts[batch.numbers],
        following=np.full(len(batch.users), population.size.follows_per_user),
        created_at=_moments(batch.users),
    )
    yield _rows(
        "photos",
        photo_id=batch.photos,
        owner_id=batch.owners,
        object_key=np.array([key.encode() for key in keys])[batch.ranks.astype(np.int64) % len(keys)],
        caption=np.array([b"Photo %03d" % order for order in range(int(batch.orders.max()) + 1)])[batch.orders],
        thumbnail=np.full(len(batch.photos), True),
        like_count=batch.like_counts,
        created_at=_moments(batch.photos),
    )
    yield _rows("likes", photo_id=batch.liked, user_id=batch.likers, created_at=_moments(batch.liked))
    yield _rows(
        "devices",
        user_id=batch.users,
        token=np.array([b"%064x" % number for number in batch.users.tolist()]),
        added_at=_moments(batch.users),
    )


def rows_of_follows(population: Population, shard: int) -> Iterator[Rows]:
    """Both tables of a shard's edges."""
    following, followers = population.following_of(shard), population.followers_of(shard)
    yield _rows("following", follower_id=following[:, 0], followee_id=following[:, 1])
    yield _rows("followers", followee_id=followers[:, 0], follower_id=followers[:, 1])


def _moments(ids: Ids) -> Ids:
    """When these were made, in microseconds since 2000: PostgreSQL's timestamptz."""
    return (ids >> SHARD_BITS + SEQUENCE_BITS) * 1000 + _MICROSECONDS_TO_EPOCH


def _rows(table: str, **columns: Column) -> Rows:
    """Columns are of 64-bit integers, of booleans, or of bytes that all have the same length."""
    layout: list[tuple[str, str]] = [("fields", ">i2")]
    for name, values in columns.items():
        stored = {"i": ">i8", "b": "?"}.get(values.dtype.kind, values.dtype.str)
        layout += [(f"size of {name}", ">i4"), (name, stored)]
    [count] = {len(values) for values in columns.values()}
    rows = np.empty(count, dtype=layout)
    rows["fields"] = len(columns)
    for name, values in columns.items():
        rows[name] = values
        rows[f"size of {name}"] = rows.dtype[name].itemsize
    return Rows(table, tuple(columns), count, _HEADER + rows.tobytes() + _TRAILER)
