"""The commands seed and audit on real stores, as others call them."""

import json
import os
import re
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from PIL import Image

from service.admin.seed.jpegs import load_jpegs, make_jpeg
from service.admin.seed.loading import PASSWORD
from service.app import create_app
from service.backends import bucket
from service.config import Config
from service.domain.ids import created_at, split
from service.stores.objects import Objects
from service.stores.postgres.router import ShardRouter
from service.stores.redis import connect_redis
from service.telemetry.metrics import Metrics
from tests.servers import Servers
from tests.service.conftest import Member, ask, jpeg, sign_up

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("seeded")


@pytest.fixture
def command(servers: Servers, config: Config) -> Any:
    """Runs python -m service with some arguments."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "service", *arguments],
            env=os.environ | servers.environment(), cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


def seed(command: Any, directory: Path, *more: str) -> dict[str, Any]:
    manifest = directory / "manifest.json"
    done = command(
        "seed", "--users", "60", "--photos-per-user", "2", "--follows-per-user", "5", "--seed", "3",
        "--cache", str(directory / "cache"), "--manifest", str(manifest), *more,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    content: dict[str, Any] = json.loads(manifest.read_text())
    return content


def rows(config: Config) -> list[Any]:
    tables = {
        "users": "user_id, username, photos, followers, following, created_at",
        "photos": "photo_id, owner_id, object_key, caption, thumbnail, like_count, created_at",
        "likes": "photo_id, user_id, created_at",
        "devices": "user_id, token, added_at",
        "following": "follower_id, followee_id",
        "followers": "followee_id, follower_id",
        "comments": "photo_id, comment_id",
        "tags": "tag, photo_id",
    }
    shards = ShardRouter(config.shards, 1, 5.0, lambda seconds: None)
    found = [
        sorted(row for shard in range(shards.count) for row in shards.rows(shard, select(columns, table)))
        for table, columns in tables.items()
    ]
    shards.close()
    return found


def select(columns: str, table: str) -> Any:
    return f"SELECT {columns} FROM {{shard}}.{table}"


@pytest.fixture
def member(config: Config) -> Iterator[Member]:
    app = create_app(config, Metrics())
    yield sign_up(app)
    app.extensions["likestorm"].close()


def test_a_seeded_service_is_as_the_manifest_says(command: Any, directory: Path, config: Config) -> None:
    manifest = seed(command, directory, "--active-users", "10")
    assert stat.S_IMODE((directory / "manifest.json").stat().st_mode) == 0o600
    assert manifest["seed"] == 3
    users, photos, likes, devices, following, followers, *empty = rows(config)
    assert empty == [[], []]
    assert [user["id"] for user in manifest["users"]] == [str(user_id) for user_id, *_ in users[:10]]
    assert [split(user_id).milliseconds for user_id, *_ in users] == list(range(1, 61))
    assert sorted(map(int, manifest["photos"])) == [photo_id for photo_id, *_ in photos]
    assert len(devices) == 60
    assert len(following) == len(followers) == 300
    assert len(manifest["jpegs"]) == 24
    assert all(created_at(user_id) == moment for user_id, *_, moment in users)
    counts = Counter(owner_id for _, owner_id, *_ in photos)
    followed = Counter(followee_id for followee_id, _ in followers)
    assert [user[2:5] for user in users] == [(counts[user[0]], followed[user[0]], 5) for user in users]
    liked = Counter(photo_id for photo_id, *_ in likes)
    assert [liked[photo_id] for photo_id, *_ in photos] == [count for *_, count, _ in photos]
    by_rank = [liked[int(photo_id)] for photo_id in manifest["photos"]]
    assert sum(by_rank[:10]) > sum(by_rank[-60:])


def test_a_seeded_service_shows_its_photos(command: Any, directory: Path, config: Config) -> None:
    manifest = seed(command, directory)
    app = create_app(config, Metrics())
    reader = Member(app, "seed1", **manifest["users"][0])
    feed = reader.ask("GET", "/feed?limit=100").json["photos"]
    assert len(feed) >= 5
    store = Objects(bucket(config, config.s3_endpoint), 5)
    for link in (feed[0]["url"], feed[0]["thumbnail_url"]):
        body = store.get_object(link.removeprefix(config.cdn_url + "/"))
        assert body is not None
        with Image.open(BytesIO(body)) as picture:
            assert picture.format == "JPEG"
    store.close()
    assert reader.ask("GET", f"/photos/{manifest['photos'][0]}").json["likes"] > 10
    assert ask(app, "POST", "/sessions", json={"username": "seed60", "password": PASSWORD}).status_code == 201
    app.extensions["likestorm"].close()


def test_loading_says_how_many_rows_and_how_fast(command: Any, directory: Path) -> None:
    done = command(
        "seed", "--users", "60", "--photos-per-user", "2", "--follows-per-user", "0", "--likes-per-photo", "0",
        "--seed", "3", "--cache", str(directory / "cache"), "--manifest", str(directory / "manifest.json"),
    )  # fmt: skip
    tables = r"60 users, (\d+) photos, (\d+) likes, 60 devices, 0 following, 0 followers"
    said = re.fullmatch(tables + r": (\d+) rows in [\d.]+ s, [\d,]+ rows/s\n", done.stdout)
    assert said
    photos, likes, rows = map(int, said.groups())
    assert abs(photos - 120) <= 2
    assert rows == 120 + photos + likes


def test_seeding_again_gives_the_same_rows_and_forgets_the_rest(
    command: Any, directory: Path, config: Config, member: Member
) -> None:
    seed(command, directory)
    first = rows(config)
    redis = connect_redis(config.redis_url, 2)
    redis.delete("rq:workers")
    redis.sadd("rq:workers", "rq:worker:running")
    app = member.app
    stranger = sign_up(app)
    photo = stranger.publish(jpeg())
    assert stranger.ask("GET", f"/photos/{photo}").status_code == 200
    again = seed(command, directory)
    assert rows(config) == first
    assert stranger.ask("GET", "/feed").status_code == 401, "sessions are gone"
    now = Member(app, "seed1", **again["users"][0])
    assert now.ask("GET", f"/photos/{photo}").status_code == 404, "the cache is empty"
    assert redis.smembers("rq:workers") == {b"rq:worker:running"}, "running workers stay known"
    redis.delete("rq:workers")
    redis.close()
    assert json.loads(command("audit", "--since", "2000-01-01").stdout)["objects"] == []


def test_an_audit_finds_what_was_stored_since(command: Any, directory: Path, member: Member) -> None:
    seeded = seed(command, directory)
    app = member.app
    since = datetime.now(UTC)
    stranger = sign_up(app)
    photo = stranger.publish(jpeg())
    liked, followed = seeded["photos"][0], seeded["users"][0]["id"]
    older = Member(app, "seed2", **seeded["users"][1])
    assert older.ask("PUT", f"/users/{followed}/follow").status_code in (200, 201), "no edge of somebody new"
    assert stranger.ask("PUT", f"/users/{followed}/follow").status_code == 201
    assert stranger.ask("POST", f"/photos/{liked}/comments", json={"text": "so: nice"}).status_code == 201
    assert stranger.ask("PUT", f"/photos/{liked}/like").status_code == 201
    audit = json.loads(command("audit", "--since", since.isoformat()).stdout)
    assert audit == {
        "likes": [f"{stranger.id}:{liked}"],
        "photos": [photo],
        "users": [stranger.name],
        "objects": [f"photos/{stranger.id}/{photo}.jpg"],
        "comments": [f"{stranger.id}:{liked}:so: nice"],
        "follows": [f"{stranger.id}:{followed}"],
    }
    nothing = json.loads(command("audit", "--since", "2100-01-01T00:00:00Z").stdout)
    assert set(map(tuple, nothing.values())) == {()}


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([], 2, "required: verb"),
        (["audit"], 2, "--since"),
        (["audit", "--since", "yesterday"], 2, "no moment"),
        (["seed", "--users", "0"], 2, "no whole number"),
    ],
)
def test_wrong_usage_is_one_clear_line(command: Any, arguments: list[str], status: int, message: str) -> None:
    done = command(*arguments)
    assert done.returncode == status
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_jpegs_are_the_same_for_the_same_number_and_differ_otherwise(tmp_path: Path) -> None:
    files = load_jpegs(5, tmp_path)
    made = [file.read_bytes() for file in files]
    assert made[3] == make_jpeg(5, 3)
    assert len(set(made)) == 24
    assert made[3] != make_jpeg(6, 3)
    sizes = [len(data) for data in made]
    assert min(sizes) > 20_000
    assert max(sizes) < 500_000
    assert max(sizes) > 3 * min(sizes)
    times = [file.stat().st_mtime_ns for file in files]
    assert [file.stat().st_mtime_ns for file in load_jpegs(5, tmp_path)] == times


def test_nothing_is_left_to_autovacuum(command: Any, directory: Path, servers: Servers) -> None:
    seed(command, directory)
    for url in servers.postgres_urls:
        with psycopg.connect(url) as connection:
            pending = connection.execute(
                "SELECT schemaname, relname, last_vacuum, last_analyze, n_mod_since_analyze, n_ins_since_vacuum"
                " FROM pg_stat_user_tables WHERE relname <> 'schema_migrations' AND schemaname LIKE 'shard%'"
                " AND (last_vacuum IS NULL OR last_analyze IS NULL OR n_mod_since_analyze + n_ins_since_vacuum > 0)"
            ).fetchall()
            assert pending == []


def test_a_population_that_cannot_be_made_changes_nothing(command: Any, config: Config, directory: Path) -> None:
    seed(command, directory)
    before = rows(config)
    store = Objects(bucket(config, config.s3_endpoint), 5.0)
    store.put_object("photos/1/1.jpg", jpeg(), "image/jpeg")
    refused = command(
        "seed", "--users", "4", "--photos-per-user", "1", "--follows-per-user", "3", "--seed", "1",
        "--cache", str(directory / "unused"), "--manifest", str(directory / "unwritten.json"),
    )  # fmt: skip
    assert (refused.returncode, refused.stderr) == (1, "service seed: a user can follow at most half of the users\n")
    assert rows(config) == before
    assert store.get_object("photos/1/1.jpg") is not None
    store.close()
    assert not (directory / "unused").exists()
    assert not (directory / "unwritten.json").exists()
