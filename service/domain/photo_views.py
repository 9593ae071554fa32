"""Many photos at once, as users see them: for feeds, profiles and tags."""

from collections.abc import Sequence
from contextlib import suppress

from service.domain.entities import Photo, PhotoState
from service.domain.errors import UnavailableError
from service.domain.pages import Page
from service.domain.photos import PhotoView, view
from service.domain.ports import Links, PhotoCache, PhotoStore


class PhotoViews:
    """Finds photos in the cache, and those that are not there in the database; a cache that fails is a miss."""

    def __init__(self, photos: PhotoStore, cache: PhotoCache, links: Links) -> None:
        self._photos = photos
        self._cache = cache
        self._links = links

    def views(self, photo_ids: Sequence[int]) -> list[PhotoView]:
        """The photos in the order of their ids' list; those that do not exist are left out."""
        photos: dict[int, Photo] = {}
        states: dict[int, PhotoState] = {}
        with suppress(UnavailableError):
            photos = dict(self._cache.get_photos(photo_ids))
            states = dict(self._cache.get_states(photo_ids))
        missing = [number for number in photo_ids if number not in photos or number not in states]
        if missing:
            # States that are read here are not cached: that takes a lease for each (photo_cache.py).
            for number, (photo, state) in self._photos.find_photos(missing).items():
                photos[number], states[number] = photo, state
        return [view(photos[n], states[n], self._links) for n in photo_ids if n in photos and n in states]

    def page(self, ids: Page[int, int]) -> Page[PhotoView, int]:
        """The photos of a page of ids."""
        return Page(self.views(ids.items), ids.next)
