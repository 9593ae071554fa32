"""Seeding: empties every store and loads a population of users, photos, likes, follows and sessions."""

import heapq
import json
import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from time import perf_counter

import numpy as np
import psycopg
from psycopg import sql

from service.admin.migration import SHARD_LOCK, take_time
from service.admin.seed.jpegs import load_jpegs
from service.admin.seed.population import Batch, Population, PopulationError, Size
from service.admin.seed.rows import Rows, rows_of_follows, rows_of_users
from service.backends import bucket
from service.config import Config
from service.domain.errors import UnavailableError
from service.domain.photos import CONTENT_TYPE, thumbnail_key
from service.jobs.thumbnails import shrink
from service.stores.memcached import PhotoCache
from service.stores.objects import Objects
from service.stores.passwords import Passwords
from service.stores.postgres import shard_map
from service.stores.postgres.router import schema
from service.stores.redis import connect_redis, needs_redis
from service.stores.sessions import Sessions

PASSWORD = "likestorm"  # noqa: S105 (no secret: seeded users are made up)
"""Of every seeded user."""
MOST_POPULAR = 100_000
"""How many photos the manifest names."""

_KEPT_IN_REDIS = b"rq:worker"

Progress = Callable[[int], None]
"""Gets the number of users that were loaded since it was called last."""


@dataclass
class Loaded:
    """What has been loaded so far: rows by table, seconds, and the most popular photos with their ranks."""

    rows: Counter[str] = field(default_factory=Counter)
    popular: list[tuple[float, int]] = field(default_factory=list)
    seconds: float = 0.0
    lock: Lock = field(default_factory=Lock)

    def note(self, rows: Rows) -> None:
        """Count some rows."""
        with self.lock:
            self.rows[rows.table] += rows.count

    def rank(self, batch: Batch) -> None:
        """Keep the most popular of some photos."""
        likely = np.flatnonzero(batch.ranks < 2 * MOST_POPULAR)
        with self.lock:
            self.popular += zip(batch.ranks[likely].tolist(), batch.photos[likely].tolist(), strict=True)

    def most_popular(self) -> list[int]:
        """At most MOST_POPULAR photos, the most popular first."""
        return [photo for _, photo in heapq.nsmallest(MOST_POPULAR, self.popular)]


def seed(
    config: Config, size: Size, number: int, active_users: int, cache: Path, manifest: Path, progress: Progress
) -> Loaded:
    """Reset everything and load the population of `number`; what a load generator needs is written to `manifest`."""
    if active_users < 1:
        raise PopulationError("there must be at least one active user")
    known = shard_map.read(config.shards)
    population = Population(size, number, len(known.shards))
    jpegs = load_jpegs(number, cache)
    keys = [f"seed/{index:02}.jpg" for index in range(len(jpegs))]
    with ThreadPoolExecutor(max_workers=1) as beside:
        stored = beside.submit(_reset_objects, config, dict(zip(keys, jpegs, strict=True)))
        loaded = _reset_rows(config, known, population, keys, progress)
        stored.result()
    PhotoCache(config.memcached, config.backend_timeout_s).flush()
    active = population.user_ids(np.arange(1, min(active_users, size.users) + 1))
    sessions = _reset_redis(config, active.tolist())
    content = {
        "seed": number,
        "users": [{"id": str(user), "token": token} for user, token in sessions.items()],
        "photos": [str(photo) for photo in loaded.most_popular()],
        "jpegs": [str(jpeg.resolve()) for jpeg in jpegs],
    }
    _write_private(manifest, json.dumps(content))
    return loaded


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


def _reset_rows(
    config: Config, known: shard_map.ShardMap, population: Population, keys: list[str], progress: Progress
) -> Loaded:
    """Replace the content of all tables, each shard in one transaction, the servers side by side."""
    password_hash = Passwords(config.password_memory_kib, config.password_time_cost).hash(PASSWORD)
    loaded = Loaded()
    started = perf_counter()

    def load(name: str) -> None:
        with psycopg.connect(known.servers[name].primary, autocommit=True, prepare_threshold=None) as connection:
            for shard in known.shards_of(name):
                with connection.transaction():
                    take_time(connection)
                    connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", (SHARD_LOCK, shard))
                    tables = _empty(connection, shard)
                    _fill(connection, shard, population, password_hash, keys, loaded, progress)
                _settle(connection, tables)

    try:
        with ThreadPoolExecutor(len(known.servers)) as threads:
            list(threads.map(load, known.servers))
    except psycopg.Error as error:
        raise UnavailableError("postgres", error) from error
    loaded.seconds = perf_counter() - started
    return loaded


def _empty(connection: psycopg.Connection, shard: int) -> sql.Composed:
    """Leave no row in the shard's tables; returns their names."""
    found = connection.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = %s AND tablename <> 'schema_migrations'", (schema(shard),)
    )
    tables = [sql.Identifier(schema(shard), name) for (name,) in found]
    if not tables:
        raise PopulationError(f"shard {shard} has no tables: python -m service migrate")
    names = sql.SQL(", ").join(tables)
    connection.execute(sql.SQL("TRUNCATE {}").format(names))
    return names


def _settle(connection: psycopg.Connection, tables: sql.Composed) -> None:
    """Do what autovacuum would do within the minute, and change plans with, while load is measured."""
    with connection.transaction():
        take_time(connection)
        connection.execute(sql.SQL("ANALYZE {}").format(tables))
    # Not in a transaction, so with the limit that requests have; but all rows are frozen, which makes it quick.
    connection.execute(sql.SQL("VACUUM {}").format(tables))


def _fill(
    connection: psycopg.Connection,
    shard: int,
    population: Population,
    password_hash: str,
    keys: list[str],
    loaded: Loaded,
    progress: Progress,
) -> None:
    for batch in population.batches(shard):
        for rows in rows_of_users(population, batch, password_hash, keys):
            _copy(connection, shard, rows)
            loaded.note(rows)
        loaded.rank(batch)
        progress(len(batch.users))
    for rows in rows_of_follows(population, shard):
        _copy(connection, shard, rows)
        loaded.note(rows)


def _copy(connection: psycopg.Connection, shard: int, rows: Rows) -> None:
    # FREEZE, as these tables were emptied in the same transaction: nobody needs to vacuum the rows later.
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary, FREEZE)").format(
        sql.Identifier(schema(shard), rows.table), sql.SQL(", ").join(map(sql.Identifier, rows.columns))
    )
    with connection.cursor().copy(statement) as copy:
        copy.write(rows.data)


@needs_redis
def _reset_redis(config: Config, users: list[int]) -> dict[int, str]:
    """Empty the database and log users in; their tokens by their ids.

    What running workers have registered stays: they do it once, when they start.
    """
    client = connect_redis(config.redis_url, config.backend_timeout_s)
    with closing(client):
        stale = [key for key in client.scan_iter(count=1000) if not key.startswith(_KEPT_IN_REDIS)]
        if stale:
            client.unlink(*stale)
        tokens = Sessions(client, config.session_ttl_s).open_sessions(users)
    return dict(zip(users, tokens, strict=True))


def _write_private(path: Path, content: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)
    partial.replace(path)
