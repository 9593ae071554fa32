from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from service.admin.migration import SCHEMA, MigrationError, migrate
from service.stores.postgres import shard_map
from tests.servers import free_port, write_shard_map

FILES = sorted(file.name for file in SCHEMA.iterdir())


def has_table(path: Path, shard: int, table: str) -> bool:
    with psycopg.connect(shard_map.read(path).server(shard).primary, prepare_threshold=None) as connection:
        [(found,)] = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (f"shard_{shard:04}.{table}",))
        return bool(found)


def test_each_file_is_applied_once_to_each_shard_even_by_several_at_once(fresh_shards: Path) -> None:
    with ThreadPoolExecutor(3) as threads:
        applied = list(threads.map(migrate, [fresh_shards] * 3))
    assert [sum(done.get(name, 0) for done in applied) for name in FILES] == [4] * len(FILES)
    assert migrate(fresh_shards) == {}
    assert [has_table(fresh_shards, shard, "photos") for shard in range(4)] == [True] * 4


def test_what_was_left_undone_is_done_later(fresh_shards: Path, tmp_path: Path) -> None:
    (tmp_path / "0001_good.sql").write_text("CREATE TABLE {shard}.good (id bigint DEFAULT {number});")
    assert migrate(fresh_shards, tmp_path) == {"0001_good.sql": 4}
    # As a migration that was killed leaves it: one shard has the second file already.
    (tmp_path / "0002_next.sql").write_text("ALTER TABLE {shard}.good ADD name text;")
    with psycopg.connect(shard_map.read(fresh_shards).server(2).primary, prepare_threshold=None) as connection:
        connection.execute("ALTER TABLE shard_0002.good ADD name text")
        connection.execute("INSERT INTO shard_0002.schema_migrations (name) VALUES ('0002_next.sql')")
    assert migrate(fresh_shards, tmp_path) == {"0002_next.sql": 3}


def test_a_file_that_fails_leaves_nothing_of_it(fresh_shards: Path, tmp_path: Path) -> None:
    (tmp_path / "0001_good.sql").write_text("CREATE TABLE {shard}.good (id bigint);")
    (tmp_path / "0002_bad.sql").write_text("CREATE TABLE {shard}.bad (id nonsense);")
    with pytest.raises(MigrationError, match=r"postgres-1: .*nonsense"):
        migrate(fresh_shards, tmp_path)
    assert not has_table(fresh_shards, 0, "good")
    (tmp_path / "0002_bad.sql").unlink()
    assert migrate(fresh_shards, tmp_path) == {"0001_good.sql": 4}


def test_no_server_is_one_error(tmp_path: Path) -> None:
    path = write_shard_map(tmp_path / "shards.json", [f"postgresql://x@127.0.0.1:{free_port()}/x"])
    with pytest.raises(MigrationError, match="postgres-1"):
        migrate(path)
