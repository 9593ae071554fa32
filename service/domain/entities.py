"""The values that pass between the domain and its ports."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True)
class Credentials:
    """What a log-in is checked against."""

    user_id: int
    password_hash: str


@dataclass(frozen=True)
class Session:
    """A logged-in user and the token.

    wrote_lately: he wrote something so recently that a replica may not have it yet, so what he reads comes from the
    primary.
    """

    user_id: int
    token: str
    wrote_lately: bool


@dataclass(frozen=True)
class Profile:
    """A user as others see him; the counts are of his own shard's rows."""

    user_id: int
    username: str
    photos: int
    followers: int
    following: int
    created_at: datetime


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
class LikeOutcome:
    """What a like or an unlike came to: whether it changed anything, and the photo's likes after it."""

    changed: bool
    likes: int


@dataclass(frozen=True)
class Comment:
    """A user's text under a photo."""

    id: int
    photo_id: int
    author_id: int
    text: str
    created_at: datetime


Kind = Literal["like", "comment", "follow"]


@dataclass(frozen=True)
class Event:
    """An action that a user is notified of: its kind, actor and photo (no photo for a follow).

    at: when the request that did it was acknowledged, seconds since 1970.
    """

    kind: Kind
    actor_id: int
    photo_id: int | None
    at: float


@dataclass(frozen=True)
class UploadLink:
    """A signed URL for one PUT; it holds only with exactly these headers."""

    url: str
    headers: dict[str, str]
    expires_at: datetime
