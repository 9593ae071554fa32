"""Thumbnails: made from the uploaded object, stored beside it, then noted on the photo."""

import struct
from collections.abc import Callable
from io import BytesIO
from time import time

from PIL import Image, ImageOps

from service.backends import Backends, bucket
from service.catalog import UPLOAD_TO_THUMBNAIL
from service.config import Config
from service.domain.errors import CorruptImageError, NotFoundError
from service.domain.photo_cache import CachedPhotos
from service.domain.photos import CONTENT_TYPE, thumbnail_key
from service.domain.ports import ObjectStore, PhotoStore
from service.jobs import Create, Handlers
from service.stores.objects import create_client
from service.stores.queue import MAKE_THUMBNAIL
from service.telemetry.chains import Chains
from service.telemetry.metrics import Metrics

LONGEST_SIDE = 320
MOST_PIXELS = 50_000_000
QUALITY = 80


class Thumbnails:
    """The jobs of the queue `thumbnails`; each may run more than once.

    observe: gets the chain's name and the seconds from the upload to the thumbnail.
    """

    def __init__(
        self, photos: PhotoStore, cached: CachedPhotos, objects: ObjectStore, observe: Callable[[str, float], None]
    ) -> None:
        self._photos = photos
        self._cached = cached
        self._objects = objects
        self._observe = observe

    def make(self, photo_id: int, at: float) -> None:
        """Make one photo's thumbnail; `at`: when its upload was acknowledged, seconds since 1970.

        CorruptImageError when its object is no JPEG, NotFoundError when it is gone.
        """
        photo = self._cached.photo(photo_id)
        original = self._objects.get_object(photo.key)
        if original is None:
            raise NotFoundError(f"no object {photo.key}")
        self._objects.put_object(thumbnail_key(photo.key), shrink(original), CONTENT_TYPE)
        self._photos.mark_thumbnail(photo_id)
        self._cached.forget_state(photo_id)
        self._observe(UPLOAD_TO_THUMBNAIL, time() - at)


def shrink(original: bytes) -> bytes:
    """A JPEG whose longer side is at most LONGEST_SIDE; CorruptImageError when `original` is no JPEG."""
    try:
        with Image.open(BytesIO(original), formats=["JPEG"]) as image:
            if image.width * image.height > MOST_PIXELS:
                raise CorruptImageError(f"{image.width} × {image.height} pixels are too many")
            # The decoder itself halves the image for as long as it stays large enough; with thumbnail()'s default gap
            # of 2 it would stop one halving earlier.
            image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), reducing_gap=1.0)
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, ValueError, SyntaxError, EOFError, struct.error, Image.DecompressionBombError) as error:
        raise CorruptImageError(str(error)) from error
    smaller = BytesIO()
    upright.save(smaller, "JPEG", quality=QUALITY)
    return smaller.getvalue()


def prepare(config: Config) -> Create:
    """Needs nothing but the stores; makes the object store's client, whose memory the workers then share."""
    create_client(bucket(config, config.s3_endpoint), config.backend_timeout_s)
    return _create


def _create(stores: Backends, metrics: Metrics) -> Handlers:
    cached = CachedPhotos(stores.photos, stores.cache)
    jobs = Thumbnails(stores.photos, cached, stores.objects, Chains(metrics).observe)
    return {MAKE_THUMBNAIL: jobs.make}
