"""What the domain asks of the outside: one Protocol a port; a method that fails raises UnavailableError."""

from datetime import datetime
from typing import Protocol

from service.domain.records import Credentials, FeedItem, LikeOutcome, Photo, PhotoState, UploadLink


class AccountStore(Protocol):
    def create_user(self, username: str, password_hash: str) -> int | None:
        """The new user's id, None when the name is taken."""

    def find_credentials(self, username: str) -> Credentials | None: ...


class SessionStore(Protocol):
    def open_session(self, user_id: int) -> str:
        """A fresh token."""

    def find_session(self, token: str) -> int | None:
        """The user's id, None when the token is unknown or has expired."""

    def close_session(self, token: str) -> None: ...


class Passwords(Protocol):
    def hash(self, password: str) -> str: ...

    def verify(self, password_hash: str, password: str) -> bool: ...


class PhotoStore(Protocol):
    def next_photo_id(self) -> int: ...

    def insert_photo(self, photo_id: int, owner_id: int, key: str, caption: str) -> tuple[Photo, PhotoState] | None:
        """The new photo, None when there is one with this id already."""

    def find_photo(self, photo_id: int) -> Photo | None: ...

    def find_state(self, photo_id: int) -> PhotoState | None: ...

    def mark_thumbnail(self, photo_id: int) -> None: ...


class LikeStore(Protocol):
    def add_like(self, photo_id: int, user_id: int) -> LikeOutcome | None:
        """What came of it, None when there is no such photo."""

    def remove_like(self, photo_id: int, user_id: int) -> LikeOutcome | None:
        """What came of it, None when there is no such photo."""


class FeedStore(Protocol):
    def newest_followed(self, user_id: int, before: int, limit: int) -> list[FeedItem]:
        """Photos of followed users with ids below `before`, newest first."""


class PhotoCache(Protocol):
    """Two kinds of entries: photos, which never change, and their states, filled under a lease."""

    def get_photo(self, photo_id: int) -> Photo | None: ...

    def put_photo(self, photo: Photo) -> None: ...

    def get_state(self, photo_id: int) -> PhotoState | None: ...

    def lease_state(self, photo_id: int) -> bytes | None:
        """The right to fill the entry once, None while somebody else holds it."""

    def fill_state(self, photo_id: int, state: PhotoState, lease: bytes) -> None:
        """Store the entry unless it was forgotten since the lease was taken."""

    def forget_state(self, photo_id: int) -> None: ...


class ObjectStore(Protocol):
    def object_exists(self, key: str) -> bool: ...

    def get_object(self, key: str) -> bytes | None: ...

    def put_object(self, key: str, body: bytes, content_type: str) -> None: ...


class Links(Protocol):
    """Signed URLs by which clients reach the object store themselves."""

    def upload(self, key: str, content_type: str, content_length: int, now: datetime) -> UploadLink: ...

    def view(self, key: str) -> str: ...


class JobQueue(Protocol):
    def enqueue_thumbnail(self, photo_id: int) -> None: ...
