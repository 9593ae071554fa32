"""Comments: what users write under photos."""

from contextlib import suppress

from service.domain.entities import Comment, Event, Session
from service.domain.errors import NotFoundError, UnavailableError
from service.domain.pages import Page, cut
from service.domain.photo_cache import CachedPhotos
from service.domain.ports import CommentStore, Notifications


class Comments:
    """Writing comments and reading them."""

    def __init__(self, comments: CommentStore, cached: CachedPhotos, notifications: Notifications) -> None:
        self._comments = comments
        self._cached = cached
        self._notifications = notifications

    def write(self, user_id: int, photo_id: int, text: str, now: float) -> Comment:
        """Store a comment and notify the photo's owner; NotFoundError when there is no such photo."""
        photo = self._cached.photo(photo_id)
        comment = self._comments.add_comment(photo_id, user_id, text)
        if comment is None:
            raise NotFoundError("no such photo")
        if photo.owner_id != user_id:
            # The comment is stored, and only that was promised; the store's metric counts a lost notification.
            with suppress(UnavailableError):
                self._notifications.notify(Event("comment", user_id, photo_id, now), photo.owner_id)
        return comment

    def page(self, session: Session, photo_id: int, limit: int, after: int | None) -> Page[Comment, int]:
        """The photo's comments with ids above `after`, oldest first; NotFoundError when there is no such photo."""
        self._cached.photo(photo_id)
        found = self._comments.find_comments(photo_id, after or 0, limit + 1, session.wrote_lately)
        return cut(found, limit, lambda comment: comment.id)
