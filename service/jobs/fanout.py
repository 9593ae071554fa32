"""Fan-out: a new photo is put into its followers' feeds and under its tags."""

from collections.abc import Callable
from time import time

from service.domain.lookup import PhotoLookup
from service.domain.ports import FeedCache, FollowStore, MediaMap, TagStore
from service.domain.tags import tags_of

CHAIN = "upload-to-feeds"
FOLLOWERS_A_PAGE = 1000


class Fanout:
    """The jobs of the queue `fanout`; each may run more than once, also when it was killed half-way.

    observe: gets CHAIN and the seconds from the acknowledged upload to the last feed.
    """

    def __init__(
        self,
        lookup: PhotoLookup,
        follows: FollowStore,
        feeds: FeedCache,
        tags: TagStore,
        media_map: MediaMap,
        observe: Callable[[str, float], None],
    ) -> None:
        self._lookup = lookup
        self._follows = follows
        self._feeds = feeds
        self._tags = tags
        self._media_map = media_map
        self._observe = observe

    def publish(self, photo_id: int, at: float) -> None:
        """Publish one photo whose upload was acknowledged at `at`, seconds since 1970; NotFoundError without it."""
        photo = self._lookup.photo(photo_id)
        # Again, because the request that confirmed the photo does not wait for Redis to come back.
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
