"""The stores of one process, connected and measured; the web application and the workers share this wiring."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from service import catalog
from service.config import Config
from service.domain.records import LikeOutcome
from service.stores.memcached import PhotoCache
from service.stores.objects import Bucket, Links, Objects
from service.stores.postgres import Accounts, Database, Feed, Likes, Photos
from service.stores.queue import THUMBNAILS, JobQueue
from service.stores.redis import Sessions, connect_redis
from service.telemetry.metrics import Metrics
from service.telemetry.stores import Observer, counting, lookups, measured


@dataclass(frozen=True)
class Backends:
    """Every store behind its port; `pings` reach each server, `close` ends all connections."""

    accounts: Accounts
    photos: Photos
    likes: Likes
    feed: Feed
    sessions: Sessions
    cache: PhotoCache
    objects: Objects
    links: Links
    queue: JobQueue
    pings: Mapping[str, Callable[[], None]]
    closers: tuple[Callable[[], None], ...]

    def close(self) -> None:
        """End all connections."""
        for close in self.closers:
            close()


def bucket(config: Config, endpoint: str) -> Bucket:
    """The bucket as reached at `endpoint`."""
    return Bucket(endpoint, config.s3_bucket, config.s3_region, config.s3_access_key, config.s3_secret_key)


def connect(config: Config, metrics: Metrics) -> Backends:
    """Connect, in the background or at first use; to be called after the last fork."""
    timeout = config.backend_timeout_s
    wait = metrics.histogram(catalog.DB_POOL_WAIT)
    database = Database(config.database_url, config.db_pool_size, timeout, wait.observe)
    client = connect_redis(config.redis_url, timeout)
    sessions = Sessions(client, config.session_ttl_s)
    cache = PhotoCache(config.memcached, timeout)
    objects = Objects(bucket(config, config.s3_endpoint), timeout)
    database.open()
    watched = _observers(metrics)
    return Backends(
        accounts=measured(Accounts(database), "postgres", metrics, watched),
        photos=measured(Photos(database), "postgres", metrics, watched),
        likes=measured(Likes(database), "postgres", metrics, watched),
        feed=measured(Feed(database), "postgres", metrics, watched),
        sessions=measured(sessions, "redis", metrics, watched),
        cache=measured(cache, "memcached", metrics, watched),
        objects=measured(objects, "objects", metrics, watched),
        queue=measured(JobQueue(client), "queue", metrics, watched),
        links=Links(bucket(config, config.s3_public_endpoint), config.upload_ttl_s),
        pings={
            "postgres": database.ping,
            "redis": sessions.ping,
            "memcached": cache.ping,
            "objects": objects.ping,
        },
        closers=(database.close, client.close, cache.close, objects.close),
    )


def _observers(metrics: Metrics) -> dict[str, Observer]:
    """Who is told what an operation came to, by the operation's name."""
    return {
        "create_user": counting(metrics, catalog.SIGNUPS, when=_made),
        "insert_photo": counting(metrics, catalog.PHOTOS, when=_made),
        "add_like": counting(metrics, catalog.LIKES, when=_changed),
        "remove_like": counting(metrics, catalog.UNLIKES, when=_changed),
        "enqueue_thumbnail": counting(metrics, catalog.JOBS_ENQUEUED, THUMBNAILS, when=_always),
        "get_photo": lookups(metrics, "photo"),
        "get_state": lookups(metrics, "state"),
    }


def _made(result: object) -> bool:
    return result is not None


def _changed(outcome: LikeOutcome | None) -> bool:
    return outcome is not None and outcome.changed


def _always(_result: object) -> bool:
    return True
