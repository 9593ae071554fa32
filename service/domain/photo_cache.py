"""Photos by id, through the cache: what is immutable stays there, what changes is filled under a lease."""

from collections.abc import Callable
from time import monotonic
from typing import ParamSpec, TypeVar

from service.domain.entities import Photo, PhotoState
from service.domain.errors import NotFoundError, ServiceError, UnavailableError
from service.domain.ports import PhotoCache, PhotoStore

P = ParamSpec("P")
T = TypeVar("T")

LONGEST_AWAIT_S = 0.05
"""For how long a reader waits for another one to fill the cache, before it asks the database as well."""


class CachedPhotos:
    """Cache-aside reads; a cache that fails is a miss, never an error.

    longest_await_s: for how long a reader waits for another one to fill the cache.
    """

    def __init__(self, photos: PhotoStore, cache: PhotoCache, longest_await_s: float = LONGEST_AWAIT_S) -> None:
        self._photos = photos
        self._cache = cache
        self._longest_await_s = longest_await_s

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
        and with it the lease: a reader that was overtaken fails to fill, so a stale value cannot stay. Of many readers
        of a hot photo one has the lease, the others wait for what it fills.
        """
        claimed = _tolerate(self._claim, photo_id)
        if isinstance(claimed, PhotoState):
            return claimed
        try:
            state = self._find_state(photo_id)
        except ServiceError:
            if claimed is not None:
                # Nobody is to wait for what will not come.
                self.forget_state(photo_id)
            raise
        if claimed is not None:
            _tolerate(self._cache.fill_state, photo_id, state, claimed)
        return state

    def forget_state(self, photo_id: int) -> None:
        """Drop the cached state; to be called after each commit that changes it."""
        _tolerate(self._cache.forget_state, photo_id)

    def _find_state(self, photo_id: int) -> PhotoState:
        state = self._photos.find_state(photo_id)
        if state is None:
            raise NotFoundError("no such photo")
        return state

    def _claim(self, photo_id: int) -> PhotoState | bytes | None:
        """The cached state, or the lease on it, or None when another reader holds the lease for too long."""
        state = self._cache.get_state(photo_id)
        deadline = monotonic() + self._longest_await_s
        while state is None:
            lease = self._cache.lease_state(photo_id)
            left = deadline - monotonic()
            if lease is not None or left <= 0:
                return lease
            state = self._cache.await_state(photo_id, left)
        return state


def _tolerate(operation: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    try:
        return operation(*args, **kwargs)
    except UnavailableError:
        return None
