"""The stores of one process, connected and measured; the web application and the workers share this wiring."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import TypeVar

from service import catalog
from service.config import Config
from service.stores.activity import Activity
from service.stores.breaker import Breaker, guarded
from service.stores.feeds import Feeds
from service.stores.limits import Limits, Rules
from service.stores.media_map import MediaMap
from service.stores.memcached import PhotoCache
from service.stores.notifications import Notifications
from service.stores.objects import SIGNING_TIMEOUT_S, Bucket, Links, Objects, create_client
from service.stores.postgres import Accounts, Comments, Follows, Likes, Photos, Tags
from service.stores.postgres.devices import Devices
from service.stores.postgres.router import ShardRouter
from service.stores.queue import JobQueue
from service.stores.redis import connect_redis
from service.stores.sessions import Sessions
from service.telemetry.jobs import EnqueueTimer
from service.telemetry.metrics import Metrics
from service.telemetry.server_timing import note_pool_wait
from service.telemetry.stores import Observer, counting, lookups, measured

Store = TypeVar("Store")


@dataclass(frozen=True)
class Backends:
    """Every store behind its port; `pings` reach each server, `close` ends all connections."""

    accounts: Accounts
    photos: Photos
    likes: Likes
    follows: Follows
    comments: Comments
    tags: Tags
    devices: Devices
    sessions: Sessions
    limits: Limits
    feeds: Feeds
    activity: Activity
    media_map: MediaMap
    notifications: Notifications
    queue: JobQueue
    cache: PhotoCache
    objects: Objects
    links: Links
    pings: Mapping[str, Callable[[], None]]
    closers: tuple[Callable[[], None], ...]

    def close(self) -> None:
        """End all connections."""
        for close in self.closers:
            close()


def bucket(config: Config, endpoint: str) -> Bucket:
    """The bucket as reached at `endpoint`."""
    return Bucket(endpoint, config.s3_bucket, config.s3_region, config.s3_access_key, config.s3_secret_key)


def make_object_clients(config: Config) -> None:
    """Make the clients of the object store before the first request.

    Threads that need a client at the same moment would each make one, 0.2 s of CPU each.
    """
    create_client(bucket(config, config.s3_endpoint), config.backend_timeout_s)
    create_client(bucket(config, config.s3_public_endpoint), SIGNING_TIMEOUT_S)


def connect(config: Config, metrics: Metrics) -> Backends:
    """Stores that connect when they are first used; to be called after the last fork."""
    timeout = config.backend_timeout_s
    observe_wait = metrics.histogram(catalog.DB_POOL_WAIT).observe

    def note_wait(seconds: float) -> None:
        observe_wait(seconds)
        note_pool_wait(seconds)

    shards = ShardRouter(
        config.shards, config.db_pool_size, timeout, note_wait if config.server_timing else observe_wait
    )
    client = connect_redis(config.redis_url, timeout)
    sessions = Sessions(client, config.session_ttl_s)
    cache = PhotoCache(config.memcached, timeout)
    objects = Objects(bucket(config, config.s3_endpoint), timeout)
    redis, store = Breaker(timeout), Breaker(timeout)
    watched = _observers(metrics)

    def timed(adapter: Store, name: str = "postgres") -> Store:
        return measured(adapter, name, metrics, watched, placing=config.server_timing)

    def in_redis(adapter: Store, name: str = "redis") -> Store:
        return timed(guarded(adapter, "redis", redis), name)

    jobs = JobQueue(client, EnqueueTimer(metrics).record)
    # Within notify, which the breaker guards already.
    schedule = timed(jobs, "queue").enqueue_push
    return Backends(
        accounts=timed(Accounts(shards)),
        photos=timed(Photos(shards)),
        likes=timed(Likes(shards)),
        follows=timed(Follows(shards)),
        comments=timed(Comments(shards)),
        tags=timed(Tags(shards)),
        devices=timed(Devices(shards)),
        sessions=in_redis(sessions),
        limits=in_redis(Limits(client, _rules(config))),
        feeds=in_redis(Feeds(client)),
        activity=in_redis(Activity(client)),
        media_map=in_redis(MediaMap(client, config.media_map_buckets)),
        notifications=in_redis(Notifications(client, schedule)),
        queue=in_redis(jobs, "queue"),
        cache=timed(cache, "memcached"),
        objects=timed(guarded(objects, "objects", store), "objects"),
        links=Links(bucket(config, config.s3_public_endpoint), config.upload_ttl_s, config.cdn_url),
        pings={"postgres": shards.ping, "redis": sessions.ping, "memcached": cache.ping, "objects": objects.ping},
        closers=(shards.close, client.close, cache.close, objects.close),
    )


def _rules(config: Config) -> Rules:
    return Rules(
        config.logins_per_minute_and_name,
        config.logins_per_minute_and_address,
        config.signups_per_hour_and_address,
        config.loadtest_networks,
    )


def _observers(metrics: Metrics) -> dict[str, Observer]:
    """The observers of operations' results, by the operation's name."""
    return {
        "create_user": counting(metrics, catalog.SIGNUPS),
        "insert_photo": counting(metrics, catalog.PHOTOS),
        "add_like": counting(metrics, catalog.LIKES, when=attrgetter("changed")),
        "remove_like": counting(metrics, catalog.UNLIKES, when=attrgetter("changed")),
        "add_comment": counting(metrics, catalog.COMMENTS),
        "add_follow": counting(metrics, catalog.FOLLOWS, when=bool),
        "count_log_in": counting(metrics, catalog.REFUSED_ATTEMPTS, "log-in", when=bool),
        "count_sign_up": counting(metrics, catalog.REFUSED_ATTEMPTS, "sign-up", when=bool),
        "get_photo": lookups(metrics, "photo"),
        "get_state": lookups(metrics, "state"),
    }
