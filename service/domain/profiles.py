"""Profiles: a user as others see him, and his photos."""

from service.domain import ids
from service.domain.entities import Profile, Session
from service.domain.errors import NotFoundError
from service.domain.pages import Page, cut
from service.domain.photo_views import PhotoViews
from service.domain.photos import PhotoView
from service.domain.ports import AccountStore, PhotoStore


class Profiles:
    """Looking at users."""

    def __init__(self, accounts: AccountStore, photos: PhotoStore, views: PhotoViews) -> None:
        self._accounts = accounts
        self._photos = photos
        self._views = views

    def show(self, session: Session, user_id: int) -> Profile:
        """One user; NotFoundError when there is none."""
        profile = self._accounts.find_profile(user_id, session.wrote_lately)
        if profile is None:
            raise NotFoundError("no such user")
        return profile

    def photos(self, session: Session, user_id: int, limit: int, before: int | None) -> Page[PhotoView, int]:
        """A user's photos with ids below `before`, newest first; none when there is no such user."""
        found = self._photos.newest_of(user_id, before or ids.LARGEST, limit + 1, session.wrote_lately)
        return self._views.page(cut(found, limit, lambda photo_id: photo_id))
