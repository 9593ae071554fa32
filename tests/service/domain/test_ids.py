from datetime import UTC, datetime
from zlib import crc32

import pytest

from service.domain import ids


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("0042", 42), (str(2**63 - 1), 2**63 - 1)])
def test_digits_are_ids(text: str, number: int) -> None:
    assert ids.parse(text) == number


@pytest.mark.parametrize("text", ["", "0", "-1", "+1", "1.0", "1 ", "١", "²", "x", "\0", str(2**63), "9" * 5000])
def test_everything_else_is_none(text: str) -> None:
    assert ids.parse(text) is None


@pytest.mark.parametrize("parts", [(1, 0, 0), (0, 8191, 1023), (2**40 - 1, 8191, 1023), (507_600_000_000, 15, 7)])
def test_an_id_holds_its_parts(parts: tuple[int, int, int]) -> None:
    number = ids.compose(*parts)
    assert ids.split(number) == parts
    assert ids.shard_of(number) == parts[1]
    assert 0 < number <= ids.LARGEST


def test_ids_sort_by_time_whatever_their_shard() -> None:
    assert ids.compose(1000, 8191, 1023) < ids.compose(1001, 0, 0)


def test_an_id_tells_when_it_was_made() -> None:
    assert ids.created_at(ids.compose(86_400_500, 3)) == datetime(2010, 10, 7, 0, 0, 0, 500_000, tzinfo=UTC)


def test_a_name_belongs_to_the_shard_of_its_checksum() -> None:
    assert ids.shard_of_name("zoë", 192) == crc32("zoë".encode()) % 192
    assert {ids.shard_of_name(f"user{number}", 16) for number in range(500)} == set(range(16))
