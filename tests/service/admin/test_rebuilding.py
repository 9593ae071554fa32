"""Rebuilding the media map after Redis was emptied."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from redis import Redis

from service.__main__ import main
from service.admin import rebuilding
from service.admin.rebuilding import rebuild
from service.backends import Backends
from service.config import Config
from service.domain.ids import shard_of
from service.stores.media_map import MediaMap
from tests.servers import Servers
from tests.service.rows import new_photo, new_user


@pytest.fixture
def emptied(config: Config) -> Iterator[Redis]:
    """Redis when it has lost everything."""
    client = Redis.from_url(config.redis_url)
    client.flushdb()
    yield client
    client.close()


@pytest.fixture
def owners(stores: Backends) -> dict[int, int]:
    """By photo; several on each shard."""
    users = [new_user(stores) for _ in range(12)]
    return {new_photo(stores, user): user for user in users * 2}


def test_all_owners_are_found_again(
    config: Config,
    stores: Backends,
    owners: dict[int, int],
    emptied: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rebuilding, "PAGE", 2)
    MediaMap(emptied, config.media_map_buckets + 1).put_owners(owners.items())
    assert len({shard_of(photo_id) for photo_id in owners}) > 1
    assert stores.media_map.find_owners(list(owners)) == {}
    progress: list[int] = []
    rebuilt = rebuild(config, progress.append)
    assert stores.media_map.find_owners(list(owners)) == owners
    assert rebuilt.entries == progress[-1] >= len(owners)
    assert progress == sorted(set(progress))
    assert not rebuilt.too_small
    assert MediaMap(emptied, config.media_map_buckets + 1).find_owners(list(owners)) == {}


def test_it_says_when_the_map_is_laid_out_for_fewer(
    config: Config, owners: dict[int, int], emptied: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "LISTPACK_ENTRIES", len(owners) - 1)
    assert rebuild(replace(config, media_map_buckets=1), lambda _entries: None).too_small


def test_the_command_says_what_it_did(
    servers: Servers,
    owners: dict[int, int],
    emptied: Redis,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in servers.environment().items():
        monkeypatch.setenv(name, value)
    assert main(["rebuild"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("media map: ")
    assert " owners in " in said.out
    assert said.err == ""
    assert emptied.keys("media:*")
