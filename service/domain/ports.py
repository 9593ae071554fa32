"""What the domain asks of the outside: one Protocol a port; a method that fails raises UnavailableError.

Ids hold the logical shard (ids.py), so that every method finds the right database by the id that it is given. `fresh`
asks for the primary; without it a replica may answer, which lags.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from service.domain.entities import (
    Comment,
    Credentials,
    Event,
    LikeOutcome,
    Photo,
    PhotoState,
    Profile,
    Session,
    UploadLink,
)
from service.domain.pushes import Device, Notice, Push, PushResult


class AccountStore(Protocol):
    """On the shard that the name's hash gives."""

    def create_user(self, username: str, password_hash: str) -> int | None:
        """The new user's id, None when the name is taken."""

    def find_credentials(self, username: str) -> Credentials | None: ...

    def find_username(self, user_id: int) -> str | None: ...

    def find_profile(self, user_id: int, fresh: bool) -> Profile | None: ...


class SessionStore(Protocol):
    def open_session(self, user_id: int) -> str:
        """A fresh token."""

    def find_session(self, token: str) -> Session | None:
        """None when the token is unknown or has expired."""

    def mark_written(self, token: str) -> None:
        """Send the session's reads to primaries for some seconds; to be called before a write."""

    def find_writer(self, token: str) -> Session | None:
        """find_session and, where there is one, mark_written, in one round trip."""

    def close_session(self, token: str) -> None: ...


class Limits(Protocol):
    """How often one may try; each method counts an attempt and returns the seconds until one is welcome, 0 for now."""

    def count_log_in(self, username: str, address: str) -> float: ...

    def count_sign_up(self, address: str) -> float: ...


class Passwords(Protocol):
    def hash(self, password: str) -> str: ...

    def verify(self, password_hash: str, password: str) -> bool: ...


class PhotoStore(Protocol):
    """On the owner's shard."""

    def next_photo_id(self, owner_id: int) -> int: ...

    def insert_photo(self, photo_id: int, owner_id: int, key: str, caption: str) -> tuple[Photo, PhotoState] | None:
        """The new photo, None when there is one with this id already."""

    def find_photo(self, photo_id: int) -> Photo | None: ...

    def find_photos(self, photo_ids: Sequence[int]) -> dict[int, tuple[Photo, PhotoState]]:
        """Those that exist, from as many primaries as it takes, one statement a primary."""

    def find_state(self, photo_id: int) -> PhotoState | None: ...

    def newest_of(self, owner_id: int, before: int, limit: int, fresh: bool) -> list[int]:
        """The ids of a user's photos below `before`, newest first."""

    def newest_of_all(self, owner_ids: Sequence[int], before: int, limit: int) -> list[int]:
        """The ids of these users' photos below `before`, newest first."""

    def mark_thumbnail(self, photo_id: int) -> None: ...


class LikeStore(Protocol):
    """On the photo's shard."""

    def add_like(self, photo_id: int, user_id: int) -> LikeOutcome | None:
        """What came of it, None when there is no such photo."""

    def remove_like(self, photo_id: int, user_id: int) -> LikeOutcome | None:
        """What came of it, None when there is no such photo."""


class FollowStore(Protocol):
    """Each edge twice: on the follower's shard, then on the followee's."""

    def add_follow(self, follower_id: int, followee_id: int) -> bool | None:
        """Whether it is new; None when there is no such followee."""

    def remove_follow(self, follower_id: int, followee_id: int) -> bool: ...

    def followees(self, user_id: int) -> list[int]: ...

    def followers(self, user_id: int, after: int, limit: int) -> list[int]:
        """Ids above `after`, lowest first."""


class CommentStore(Protocol):
    """On the photo's shard."""

    def add_comment(self, photo_id: int, author_id: int, text: str) -> Comment | None:
        """None when there is no such photo."""

    def find_comments(self, photo_id: int, after: int, limit: int, fresh: bool) -> list[Comment]:
        """Comments with ids above `after`, oldest first."""


class TagStore(Protocol):
    """On the shard that the tag's hash gives."""

    def add_tags(self, photo_id: int, tags: Sequence[str]) -> None:
        """List the photo under each tag; may be repeated."""

    def newest_tagged(self, tag: str, before: int, limit: int, fresh: bool) -> list[int]:
        """The ids of photos below `before`, newest first."""


class PhotoCache(Protocol):
    """Two kinds of entries: photos, which never change, and their states, filled under a lease."""

    def get_photo(self, photo_id: int) -> Photo | None: ...

    def get_photos(self, photo_ids: Sequence[int]) -> dict[int, Photo]:
        """Those that are there, one round trip a server."""

    def put_photo(self, photo: Photo) -> None: ...

    def get_state(self, photo_id: int) -> PhotoState | None: ...

    def get_states(self, photo_ids: Sequence[int]) -> dict[int, PhotoState]:
        """Those that are there, one round trip a server."""

    def lease_state(self, photo_id: int) -> bytes | None:
        """The right to fill the entry once, None while another reader holds it."""

    def await_state(self, photo_id: int, longest: float) -> PhotoState | None:
        """The state when the lease's holder has filled it; None when the lease is lost or after `longest` seconds."""

    def fill_state(self, photo_id: int, state: PhotoState, lease: bytes) -> None:
        """Store the entry unless it was forgotten since the lease was taken."""

    def forget_state(self, photo_id: int) -> None: ...


class FeedCache(Protocol):
    """Main feeds in Redis: for each user the ids of the newest photos of the followed users."""

    def read_feed(self, user_id: int, before: int, limit: int) -> list[int] | None:
        """Ids below `before`, newest first; None when there is no feed and it is to be rebuilt."""

    def lease_feed(self, user_id: int) -> bytes:
        """The right to fill the feed once; to be taken before the database is read."""

    def fill_feed(self, user_id: int, photo_ids: Sequence[int], lease: bytes) -> None:
        """Store the feed unless something was pushed to it, or it was dropped, since the lease was taken."""

    def drop_feed(self, user_id: int) -> None:
        """Drop the feed, to be rebuilt; to be called after each commit that changes the user's follows."""

    def push_photo(self, photo_id: int, follower_ids: Sequence[int]) -> None:
        """Add a photo to the feeds that exist; may be repeated."""


class ActivityStore(Protocol):
    """The newest events that each user is notified of."""

    def add_events(self, events: Mapping[int, Sequence[Event]]) -> None:
        """Events by recipient; repeating the call adds nothing."""

    def read_events(self, user_id: int, before: float, limit: int) -> list[Event]: ...


class MediaMap(Protocol):
    """Photo id → owner id, in few bytes; a copy of what PostgreSQL knows."""

    def put_owner(self, photo_id: int, owner_id: int) -> None: ...

    def put_owners(self, entries: Iterable[tuple[int, int]]) -> None:
        """Pairs of photo and owner."""

    def find_owners(self, photo_ids: Sequence[int]) -> dict[int, int]:
        """Those that are there."""


class Notifications(Protocol):
    """Events on their way to devices: gathered, then handed over in batches by the workers of the queue `push`."""

    def notify(self, event: Event, recipient_id: int | None = None) -> None:
        """Without a recipient_id the worker looks up the photo's owner."""


class NotificationBatches(Protocol):
    """The receiving end of Notifications: a repeated job finds its batch again by name."""

    def take(self, batch: str) -> list[Notice]:
        """What is in the batch of this name; a new one gets what waits, oldest first."""

    def find_sent(self, batch: str) -> set[str]:
        """The ids of its pushes that need not be sent again."""

    def mark_sent(self, batch: str, push_ids: Sequence[str]) -> None: ...

    def finish(self, batch: str) -> None:
        """Forget the batch."""


class DeviceStore(Protocol):
    """Devices for push notifications, on the user's shard."""

    def add_device(self, user_id: int, token: str) -> None:
        """May be repeated; a user keeps the newest few."""

    def remove_device(self, user_id: int, token: str) -> None: ...

    def find_devices(self, user_ids: Sequence[int]) -> dict[int, list[str]]:
        """Tokens by user, for users that have any; one statement a server."""

    def forget_device(self, device: Device, since: datetime | None) -> None:
        """Drop a device that is gone, unless it was added anew after `since`."""


class PushService(Protocol):
    def send(self, pushes: Sequence[Push], on_finished: Callable[[Sequence[PushResult]], None]) -> None:
        """Send all; `on_finished` gets results as they come. When it raises, the others are to be sent again."""


class Networks(Protocol):
    def post(self, network: str, url: str, caption: str, key: str) -> None:
        """Post a picture once for each `key`; RefusedError when it will never be taken."""


class ObjectStore(Protocol):
    def object_exists(self, key: str) -> bool: ...

    def get_object(self, key: str) -> bytes | None: ...

    def put_object(self, key: str, body: bytes, content_type: str) -> None: ...


class Links(Protocol):
    """The addresses under which clients reach objects."""

    def upload(self, key: str, content_type: str, content_length: int, now: datetime) -> UploadLink:
        """A signed URL of the store itself, for one PUT."""

    def view(self, key: str) -> str:
        """The permanent, cacheable URL on the CDN."""


class JobQueue(Protocol):
    def enqueue_thumbnail(self, photo_id: int, at: float) -> None:
        """Have a photo's thumbnail made; `at`: when its upload was acknowledged, seconds since 1970."""

    def enqueue_fanout(self, photo_id: int, at: float) -> None:
        """Have a photo put into its followers' feeds and under its tags; `at`: when its upload was acknowledged."""

    def enqueue_share(self, photo_id: int, network: str, at: float) -> None:
        """Have a photo posted to another network; `at`: when its upload was acknowledged."""

    def enqueue_upload(self, photo_id: int, networks: Sequence[str], at: float) -> None:
        """All of the above in one round trip; `networks`: to which the photo is posted."""
