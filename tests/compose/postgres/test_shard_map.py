from dataclasses import replace
from pathlib import Path

import pytest

from compose.credentials import Credentials
from compose.errors import StackError, UsageError
from compose.postgres import shard_map
from compose.postgres.shard_map import Server, ShardMap
from compose.topology import named


def spread(primaries: int, shards: int) -> ShardMap:
    topology = replace(named("small", 8400), primaries=primaries, logical_shards=shards)
    return shard_map.spread(topology, Credentials(database="pw"))


def test_shards_are_spread_evenly_in_ranges() -> None:
    assert spread(2, 5).shards == ["postgres-1", "postgres-1", "postgres-1", "postgres-2", "postgres-2"]
    many = spread(12, 8192).shards
    counts = [many.count(f"postgres-{number}") for number in range(1, 13)]
    assert max(counts) - min(counts) == 1
    assert many == sorted(many, key=lambda name: int(name.removeprefix("postgres-")))


def test_a_server_is_reached_through_pgbouncer_by_its_name() -> None:
    server = spread(1, 1).servers["postgres-1"]
    assert server.primary == "postgresql://likestorm:pw@127.0.0.1:8404/postgres-1"
    assert server.replica == "postgresql://likestorm:pw@127.0.0.1:8404/postgres-1-replica"


def test_the_file_is_for_its_owner_alone_and_read_as_it_was_written(tmp_path: Path) -> None:
    file, content = tmp_path / "shards.json", spread(2, 16)
    shard_map.write(file, content)
    assert file.stat().st_mode & 0o777 == 0o600
    assert shard_map.read(file) == content
    before = file.stat().st_ino
    shard_map.write(file, content)
    # Another file in its place: whoever had opened the one before goes on reading that.
    assert file.stat().st_ino != before
    assert [entry.name for entry in tmp_path.iterdir()] == ["shards.json"]


def test_a_promoted_server_has_its_replica_s_place_and_no_replica() -> None:
    content = spread(2, 4)
    promoted = content.promoted("postgres-2")
    assert promoted.servers["postgres-2"] == Server(content.servers["postgres-2"].replica or "", None)
    assert promoted.servers["postgres-1"] == content.servers["postgres-1"]
    assert promoted.shards == content.shards


def test_what_cannot_be_promoted_is_said(tmp_path: Path) -> None:
    content = spread(2, 4)
    with pytest.raises(UsageError, match=r"^unknown server 'postgres-3', known: postgres-1, postgres-2$"):
        content.promoted("postgres-3")
    with pytest.raises(UsageError, match=r"^postgres-1 has no replica left: it was promoted already$"):
        content.promoted("postgres-1").promoted("postgres-1")
    with pytest.raises(StackError, match=r"none\.json: .*No such file"):
        shard_map.read(tmp_path / "none.json")
