from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from service.admin.migration import SCHEMA, MigrationError, migrate
from service.config import Config
from tests.servers import Servers, free_port


@pytest.fixture
def empty(servers: Servers) -> str:
    """The address of a database without tables."""
    with psycopg.connect(servers.postgres_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS empty")
        connection.execute("CREATE DATABASE empty")
    return servers.postgres_url.removesuffix("likestorm") + "empty"


def test_each_file_is_applied_once_even_by_several_at_once(empty: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        applied = list(threads.map(migrate, [empty] * 4))
    assert sorted(applied) == [[], [], [], sorted(file.name for file in SCHEMA.iterdir())]
    assert migrate(empty) == []


def test_a_file_that_fails_leaves_nothing(empty: str, tmp_path: Path) -> None:
    (tmp_path / "0001_good.sql").write_text("CREATE TABLE good (id bigint);")
    (tmp_path / "0002_bad.sql").write_text("CREATE TABLE bad (id nonsense);")
    with pytest.raises(MigrationError, match="nonsense"):
        migrate(empty, tmp_path)
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT to_regclass('good')").fetchone() == (None,)
    (tmp_path / "0002_bad.sql").unlink()
    assert migrate(empty, tmp_path) == ["0001_good.sql"]


def test_no_server_is_one_error(config: Config) -> None:
    with pytest.raises(MigrationError):
        migrate(f"postgresql://x@127.0.0.1:{free_port()}/x")
