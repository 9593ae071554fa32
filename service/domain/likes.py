"""Likes: one a user and photo, given and taken back."""

from service.domain.errors import NotFoundError
from service.domain.lookup import PhotoLookup
from service.domain.ports import LikeStore
from service.domain.records import LikeOutcome


class Likes:
    """Liking and unliking; both may be repeated without effect."""

    def __init__(self, likes: LikeStore, lookup: PhotoLookup) -> None:
        self._likes = likes
        self._lookup = lookup

    def like(self, user_id: int, photo_id: int) -> LikeOutcome:
        """Store the like; NotFoundError when there is no such photo."""
        self._lookup.photo(photo_id)
        return self._settle(photo_id, self._likes.add_like(photo_id, user_id))

    def unlike(self, user_id: int, photo_id: int) -> LikeOutcome:
        """Take the like back; NotFoundError when there is no such photo."""
        self._lookup.photo(photo_id)
        return self._settle(photo_id, self._likes.remove_like(photo_id, user_id))

    def _settle(self, photo_id: int, outcome: LikeOutcome | None) -> LikeOutcome:
        if outcome is None:
            raise NotFoundError("no such photo")
        if outcome.changed:
            self._lookup.forget_state(photo_id)
        return outcome
