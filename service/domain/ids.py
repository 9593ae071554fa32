"""Ids: positive signed 64-bit integers that sort by time, written as decimal digits outside of the service.

From the highest bit: 41 bits of milliseconds since EPOCH, 13 bits of logical shard, 10 bits that tell apart what one
shard made within a millisecond. PostgreSQL hands them out (`next_id` in schema/). The sign takes one of the 41 bits:
there is room until the summer of 2045.
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zlib import crc32

EPOCH = datetime(2010, 10, 6, tzinfo=UTC)
LARGEST = 2**63 - 1
SHARD_BITS, SEQUENCE_BITS = 13, 10
MOST_SHARDS = 1 << SHARD_BITS


class Parts(NamedTuple):
    """What an id is made of."""

    milliseconds: int
    shard: int
    sequence: int


def compose(milliseconds: int, shard: int, sequence: int = 0) -> int:
    """The id with these parts; `milliseconds` since EPOCH."""
    return (milliseconds << SHARD_BITS | shard) << SEQUENCE_BITS | sequence


def split(number: int) -> Parts:
    """The parts of an id."""
    return Parts(number >> (SHARD_BITS + SEQUENCE_BITS), shard_of(number), number & ((1 << SEQUENCE_BITS) - 1))


def shard_of(number: int) -> int:
    """The logical shard on which an id was made, and what belongs to it is stored."""
    return number >> SEQUENCE_BITS & (MOST_SHARDS - 1)


def created_at(number: int) -> datetime:
    """When an id was made."""
    return EPOCH + timedelta(milliseconds=split(number).milliseconds)


def shard_of_name(name: str, shards: int) -> int:
    """Which of `shards` logical shards a user of that name, or a tag, belongs to."""
    return crc32(name.encode()) % shards


def parse(text: str) -> int | None:
    """The id that `text` spells, None when it spells none."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        return None
    number = int(text)
    return number if 0 < number <= LARGEST else None
