"""Photos by id, through the cache: what is immutable stays there, what changes is filled under a lease."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from service.domain.errors import NotFoundError, UnavailableError
from service.domain.ports import PhotoCache, PhotoStore
from service.domain.records import Photo, PhotoState

P = ParamSpec("P")
T = TypeVar("T")


class PhotoLookup:
    """Cache-aside reads; a cache that fails is a miss, never an error."""

    def __init__(self, photos: PhotoStore, cache: PhotoCache) -> None:
        self._photos = photos
        self._cache = cache

    def photo(self, photo_id: int) -> Photo:
        """The photo; NotFoundError when there is none."""
        cached = _tolerate(self._cache.get_photo, photo_id)
        if cached is not None:
            return cached
        photo = self._photos.find_photo(photo_id)
        if photo is None:
            raise NotFoundError("no such photo")
        self.remember(photo)
        return photo

    def remember(self, photo: Photo) -> None:
        """Put a photo into the cache."""
        _tolerate(self._cache.put_photo, photo)

    def state(self, photo_id: int) -> PhotoState:
        """The photo's state; NotFoundError when there is no such photo.

        The lease is taken before the database is read. Whoever changes the state forgets the entry after the commit,
        and with it the lease: a reader that was overtaken fails to fill, so a stale value cannot stay.
        """
        cached = _tolerate(self._cache.get_state, photo_id)
        if cached is not None:
            return cached
        lease = _tolerate(self._cache.lease_state, photo_id)
        state = self._photos.find_state(photo_id)
        if state is None:
            raise NotFoundError("no such photo")
        if lease is not None:
            _tolerate(self._cache.fill_state, photo_id, state, lease)
        return state

    def forget_state(self, photo_id: int) -> None:
        """Drop the cached state; to be called after each commit that changes it."""
        _tolerate(self._cache.forget_state, photo_id)


def _tolerate(operation: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    try:
        return operation(*args, **kwargs)
    except UnavailableError:
        return None
