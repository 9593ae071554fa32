"""The values that pass between the domain and its ports."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Credentials:
    """What a log-in is checked against."""

    user_id: int
    password_hash: str


@dataclass(frozen=True)
class Photo:
    """What of a photo never changes; `key` names its object."""

    id: int
    owner_id: int
    key: str
    caption: str
    created_at: datetime


@dataclass(frozen=True)
class PhotoState:
    """What of a photo does change: how many like it, and whether its thumbnail is there yet."""

    likes: int
    thumbnail: bool


@dataclass(frozen=True)
class FeedItem:
    """One photo of a feed with its state."""

    photo: Photo
    state: PhotoState


@dataclass(frozen=True)
class LikeOutcome:
    """What a like or an unlike came to: whether it changed anything, and the photo's likes after it."""

    changed: bool
    likes: int


@dataclass(frozen=True)
class UploadLink:
    """A signed URL for one PUT; it holds only with exactly these headers."""

    url: str
    headers: dict[str, str]
    expires_at: datetime
