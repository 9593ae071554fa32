"""The main feed: the newest photos of the followed users, kept ready in a cache."""

from contextlib import suppress

from service.domain import ids
from service.domain.entities import Session
from service.domain.errors import UnavailableError
from service.domain.pages import Page, cut
from service.domain.photo_views import PhotoViews
from service.domain.photos import PhotoView
from service.domain.ports import FeedCache, FollowStore, PhotoStore

LONGEST_FEED = 300
"""How many photos a feed keeps ready; older ones are looked up each time."""


class Feed:
    """Reads feeds page by page; one that is not there is rebuilt, a cache that fails is one that has none."""

    def __init__(self, feeds: FeedCache, follows: FollowStore, photos: PhotoStore, views: PhotoViews) -> None:
        self._feeds = feeds
        self._follows = follows
        self._photos = photos
        self._views = views

    def page(self, session: Session, limit: int, before: int | None) -> Page[PhotoView, int]:
        """Photos with ids below `before`, newest first."""
        found = self._newest(session.user_id, before or ids.LARGEST, limit + 1)
        return self._views.page(cut(found, limit, lambda photo_id: photo_id))

    def _newest(self, user_id: int, before: int, wanted: int) -> list[int]:
        found = None
        with suppress(UnavailableError):
            found = self._feeds.read_feed(user_id, before, wanted)
        if found is None:
            found = [photo_id for photo_id in self._rebuild(user_id) if photo_id < before][:wanted]
        # A first page that is short is the whole feed; a later one may have come to where the feed was cut.
        if len(found) == wanted or before == ids.LARGEST:
            return found
        return self._photos.newest_of_all(self._follows.followees(user_id), before, wanted)

    def _rebuild(self, user_id: int) -> list[int]:
        """The whole feed, newest first, put into the cache unless something was pushed or dropped meanwhile."""
        lease = None
        with suppress(UnavailableError):
            lease = self._feeds.lease_feed(user_id)
        newest = self._photos.newest_of_all(self._follows.followees(user_id), ids.LARGEST, LONGEST_FEED)
        if lease is not None:
            with suppress(UnavailableError):
                self._feeds.fill_feed(user_id, newest, lease)
        return newest
