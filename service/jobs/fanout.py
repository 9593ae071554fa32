"""Fan-out: a new photo is put into the feeds of its owner's followers and under its tags."""

from collections.abc import Callable
from time import time

from service.backends import Backends
from service.config import Config
from service.domain.photo_cache import CachedPhotos
from service.domain.ports import FeedCache, FollowStore, MediaMap, TagStore
from service.domain.tags import tags_of
from service.jobs import Create, Handlers
from service.stores.queue import PUBLISH_PHOTO
from service.telemetry.chains import Chains
from service.telemetry.metrics import Metrics

CHAIN = "upload-to-feeds"
FOLLOWERS_A_PAGE = 1000


class Fanout:
    """The jobs of the queue `fanout`; a job may run again, also after it was killed half-way.

    observe: gets CHAIN and the seconds from the acknowledged upload to the last feed.
    """

    def __init__(
        self,
        cached: CachedPhotos,
        follows: FollowStore,
        feeds: FeedCache,
        tags: TagStore,
        media_map: MediaMap,
        observe: Callable[[str, float], None],
    ) -> None:
        self._cached = cached
        self._follows = follows
        self._feeds = feeds
        self._tags = tags
        self._media_map = media_map
        self._observe = observe

    def publish(self, photo_id: int, at: float) -> None:
        """Publish one photo whose upload was acknowledged at `at`, seconds since 1970.

        NotFoundError when there is no such photo.
        """
        photo = self._cached.photo(photo_id)
        # The request that confirmed the photo does not wait for Redis to come back, so this may be the first entry.
        self._media_map.put_owner(photo_id, photo.owner_id)
        tags = tags_of(photo.caption)
        if tags:
            self._tags.add_tags(photo_id, tags)
        followers = self._follows.followers(photo.owner_id, 0, FOLLOWERS_A_PAGE)
        while followers:
            self._feeds.push_photo(photo_id, followers)
            if len(followers) < FOLLOWERS_A_PAGE:
                break
            followers = self._follows.followers(photo.owner_id, followers[-1], FOLLOWERS_A_PAGE)
        self._observe(CHAIN, time() - at)


def prepare(_config: Config) -> Create:
    """Needs nothing but the stores."""
    return _create


def _create(stores: Backends, metrics: Metrics) -> Handlers:
    cached = CachedPhotos(stores.photos, stores.cache)
    jobs = Fanout(cached, stores.follows, stores.feeds, stores.tags, stores.media_map, Chains(metrics).observe)
    return {PUBLISH_PHOTO: jobs.publish}
