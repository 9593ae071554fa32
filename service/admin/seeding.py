"""Seeding: empties every store and loads a population of users, photos, likes and sessions."""

import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import LiteralString

import psycopg
import redis

from service.admin.jpegs import load_jpegs
from service.admin.population import Population, Size, populate
from service.backends import bucket
from service.config import Config
from service.domain.errors import ServiceError, UnavailableError
from service.domain.photos import CONTENT_TYPE, thumbnail_key
from service.jobs.thumbnails import shrink
from service.stores.memcached import PhotoCache
from service.stores.objects import Objects
from service.stores.passwords import Passwords
from service.stores.redis import Sessions, connect_redis

PASSWORD = "likestorm"  # noqa: S105 (no secret: seeded users are made up)
"""Of every seeded user."""

# Fixed, and before any run: the same number gives the same rows, and an audit never finds them.
_FIRST_MOMENT = datetime(2010, 10, 6, tzinfo=UTC)
_KEPT_IN_REDIS = b"rq:worker"


class SeedError(ServiceError):
    """A population that cannot be made."""


def seed(config: Config, size: Size, number: int, active_users: int, cache: Path, manifest: Path) -> None:
    """Reset everything and load the population of `number`; what a load generator needs is written to `manifest`."""
    if size.users < 1 or size.photos_per_user < 1 or active_users < 1:
        raise SeedError("there must be at least one user, one photo a user and one active user")
    if not 0 <= size.follows_per_user * 2 <= size.users:
        raise SeedError("a user can follow at most half of the users")
    jpegs = load_jpegs(number, cache)
    keys = [f"seed/{index:02}.jpg" for index in range(len(jpegs))]
    with ThreadPoolExecutor(max_workers=1) as beside:
        stored = beside.submit(_reset_objects, config, dict(zip(keys, jpegs, strict=True)))
        population = populate(size, number)
        _reset_rows(config, population, keys)
        stored.result()
    PhotoCache(config.memcached, config.backend_timeout_s).flush()
    sessions = _reset_redis(config, min(active_users, size.users))
    content = {
        "seed": number,
        "users": [{"id": str(user), "token": token} for user, token in sessions.items()],
        "photos": [str(photo) for photo in population.popular.tolist()],
        "jpegs": [str(jpeg.resolve()) for jpeg in jpegs],
    }
    _write_private(manifest, json.dumps(content))


def _reset_objects(config: Config, seeded: dict[str, Path]) -> None:
    """Leave the seeded photos and their thumbnails in the bucket, and nothing of a run."""
    objects = Objects(bucket(config, config.s3_endpoint), config.backend_timeout_s * 5)
    objects.create_bucket()
    for prefix in ("photos/", "thumbs/"):
        objects.delete_objects([found.key for found in objects.list_objects(prefix)])
    for key, file in seeded.items():
        body = file.read_bytes()
        objects.put_object(key, body, CONTENT_TYPE)
        objects.put_object(thumbnail_key(key), shrink(body), CONTENT_TYPE)
    objects.close()


def _reset_rows(config: Config, population: Population, keys: list[str]) -> None:
    """Replace the content of all tables, in one transaction."""
    password_hash = Passwords(config.password_memory_kib, config.password_time_cost).hash(PASSWORD)
    moments = [_FIRST_MOMENT + timedelta(seconds=index) for index in range(len(population.owners))]
    photos = zip(population.owners.tolist(), population.like_counts().tolist(), moments, strict=True)
    try:
        with psycopg.connect(config.database_url, prepare_threshold=None) as connection:
            connection.execute("TRUNCATE users, photos, likes, follows RESTART IDENTITY")
            _copy(
                connection,
                "COPY users (user_id, username, password_hash, created_at) FROM STDIN",
                (f"{user}\tseed{user}\t{password_hash}\t{_FIRST_MOMENT}" for user in range(1, population.users + 1)),
            )
            _copy(
                connection,
                "COPY photos (photo_id, owner_id, object_key, caption, thumbnail, like_count, created_at) FROM STDIN",
                (
                    f"{photo}\t{owner}\t{keys[photo % len(keys)]}\tPhoto {photo}\tt\t{likes}\t{moment}"
                    for photo, (owner, likes, moment) in enumerate(photos, start=1)
                ),
            )
            _copy(
                connection,
                "COPY likes (photo_id, user_id, created_at) FROM STDIN",
                (f"{photo}\t{user}\t{_FIRST_MOMENT}" for photo, user in population.likes.tolist()),
            )
            _copy(
                connection,
                "COPY follows (follower_id, followee_id) FROM STDIN",
                (f"{follower}\t{followee}" for follower, followee in population.follows.tolist()),
            )
            connection.execute("SELECT setval('users_user_id_seq', %s)", (population.users,))
            connection.execute("SELECT setval('photos_photo_id_seq', %s)", (len(population.owners),))
    except psycopg.Error as error:
        raise UnavailableError("postgres", error) from error


def _copy(connection: psycopg.Connection, statement: LiteralString, lines: Iterable[str]) -> None:
    with connection.cursor().copy(statement) as copy:
        copy.write("\n".join(lines) + "\n")


def _reset_redis(config: Config, active_users: int) -> dict[int, str]:
    """Empty the database and log the first users in; their tokens by their ids.

    What running workers have registered stays: they do it once, when they start.
    """
    client = connect_redis(config.redis_url, config.backend_timeout_s)
    try:
        stale = [key for key in client.scan_iter(count=1000) if not key.startswith(_KEPT_IN_REDIS)]
        if stale:
            client.unlink(*stale)
        users = list(range(1, active_users + 1))
        tokens = Sessions(client, config.session_ttl_s).open_sessions(users)
    except redis.RedisError as error:
        raise UnavailableError("redis", error) from error
    finally:
        client.close()
    return dict(zip(users, tokens, strict=True))


def _write_private(path: Path, content: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)
    partial.replace(path)
