"""Photos: asking for an upload, confirming it, showing the photo."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from service.domain.entities import Photo, PhotoState, UploadLink
from service.domain.errors import MalformedError, NotFoundError, UnavailableError
from service.domain.photo_cache import CachedPhotos
from service.domain.ports import JobQueue, Links, MediaMap, ObjectStore, PhotoStore

CONTENT_TYPE = "image/jpeg"


@dataclass(frozen=True)
class Upload:
    """Leave to PUT one object; `id` confirms it afterwards and becomes the photo's id."""

    id: int
    link: UploadLink


@dataclass(frozen=True)
class PhotoView:
    """A photo as users see it."""

    photo: Photo
    state: PhotoState
    url: str
    thumbnail_url: str | None


def photo_key(owner_id: int, photo_id: int) -> str:
    """The key of an uploaded photo's object.

    It holds the owner, so an upload can be confirmed only by the user who asked for it.
    """
    return f"photos/{owner_id}/{photo_id}.jpg"


def thumbnail_key(key: str) -> str:
    """The key of the thumbnail that belongs to a photo's object."""
    return f"thumbs/{key.removeprefix('photos/')}"


def view(photo: Photo, state: PhotoState, links: Links) -> PhotoView:
    """The photo with the links by which a client loads it."""
    thumbnail = links.view(thumbnail_key(photo.key)) if state.thumbnail else None
    return PhotoView(photo, state, links.view(photo.key), thumbnail)


class Photos:
    """The use cases around one photo; `largest_upload` in bytes, `networks` those to which photos can be posted."""

    def __init__(
        self,
        photos: PhotoStore,
        cached: CachedPhotos,
        objects: ObjectStore,
        links: Links,
        queue: JobQueue,
        media_map: MediaMap,
        largest_upload: int,
        networks: Collection[str],
    ) -> None:
        self._photos = photos
        self._cached = cached
        self._objects = objects
        self._links = links
        self._queue = queue
        self._media_map = media_map
        self._largest_upload = largest_upload
        self._networks = networks

    def ask_upload(self, user_id: int, content_length: int, now: datetime) -> Upload:
        """A link for one JPEG of exactly `content_length` bytes; MalformedError when that is too large."""
        if not 0 < content_length <= self._largest_upload:
            raise MalformedError(f"content_length must lie between 1 and {self._largest_upload}")
        upload_id = self._photos.next_photo_id(user_id)
        key = photo_key(user_id, upload_id)
        return Upload(upload_id, self._links.upload(key, CONTENT_TYPE, content_length, now))

    def confirm(
        self, user_id: int, upload_id: int, caption: str, share_to: Sequence[str], now: float
    ) -> tuple[PhotoView, bool]:
        """Publish an uploaded object; True when this call did it, False when an earlier one had.

        NotFoundError when this user has no such object in the store, MalformedError when a network is unknown.
        """
        unknown = [network for network in share_to if network not in self._networks]
        if unknown:
            raise MalformedError(f"unknown network: {unknown[0]}")
        key = photo_key(user_id, upload_id)
        if not self._objects.object_exists(key):
            raise NotFoundError("no such upload")
        inserted = self._photos.insert_photo(upload_id, user_id, key, caption)
        if inserted:
            photo, state = inserted
            self._cached.remember(photo)
        else:
            photo, state = self._cached.photo(upload_id), self._cached.state(upload_id)
        # Also when confirmed before: that request may have died between its commit and these lines.
        with suppress(UnavailableError):
            # The job of the fan-out does it again.
            self._media_map.put_owner(upload_id, user_id)
        self._queue.enqueue_upload(upload_id, list(dict.fromkeys(share_to)), now)
        return view(photo, state, self._links), inserted is not None

    def show(self, photo_id: int) -> PhotoView:
        """One photo; NotFoundError when there is none."""
        return view(self._cached.photo(photo_id), self._cached.state(photo_id), self._links)
