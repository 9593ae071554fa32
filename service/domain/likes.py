"""Likes: one a user and photo, given and taken back."""

from contextlib import suppress

from service.domain.entities import Event, LikeOutcome
from service.domain.errors import NotFoundError, UnavailableError
from service.domain.photo_cache import CachedPhotos
from service.domain.ports import LikeStore, Notifications


class Likes:
    """Liking and unliking; both may be repeated without effect."""

    def __init__(self, likes: LikeStore, cached: CachedPhotos, notifications: Notifications) -> None:
        self._likes = likes
        self._cached = cached
        self._notifications = notifications

    def like(self, user_id: int, photo_id: int, now: float) -> LikeOutcome:
        """Store the like and notify the photo's owner; NotFoundError when there is no such photo."""
        outcome = self._settle(photo_id, self._likes.add_like(photo_id, user_id))
        if outcome.changed:
            # The like is stored, and only that was promised; the store's metric counts a lost notification.
            with suppress(UnavailableError):
                self._notifications.notify(Event("like", user_id, photo_id, now))
        return outcome

    def unlike(self, user_id: int, photo_id: int) -> LikeOutcome:
        """Take the like back; NotFoundError when there is no such photo."""
        return self._settle(photo_id, self._likes.remove_like(photo_id, user_id))

    def _settle(self, photo_id: int, outcome: LikeOutcome | None) -> LikeOutcome:
        if outcome is None:
            raise NotFoundError("no such photo")
        if outcome.changed:
            self._cached.forget_state(photo_id)
        return outcome
