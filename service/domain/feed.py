"""The feed: the newest photos of the users whom one follows, pulled together when it is read."""

from dataclasses import dataclass

from service.domain import ids
from service.domain.photos import PhotoView, view
from service.domain.ports import FeedStore, Links

LONGEST_PAGE = 100


@dataclass(frozen=True)
class Page:
    """Photos, newest first; `next` is the `before` of the page after this one, None on the last."""

    photos: list[PhotoView]
    next: int | None


class Feed:
    """Reads feeds page by page."""

    def __init__(self, feed: FeedStore, links: Links) -> None:
        self._feed = feed
        self._links = links

    def page(self, user_id: int, limit: int, before: int | None) -> Page:
        """Up to `limit` photos with ids below `before`."""
        # One more than asked for tells whether there is a next page.
        items = self._feed.newest_followed(user_id, before or ids.LARGEST, limit + 1)
        shown = items[:limit]
        photos = [view(item.photo, item.state, self._links) for item in shown]
        return Page(photos, shown[-1].photo.id if len(items) > limit else None)
