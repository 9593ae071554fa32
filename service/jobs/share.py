"""Sharing: a published photo is posted to another network as well."""

import time
from collections.abc import Callable

from service.backends import Backends
from service.catalog import UPLOAD_TO_SHARED
from service.config import Config
from service.domain.errors import NotFoundError
from service.domain.ports import Links, Networks, PhotoStore
from service.jobs import Create, Handlers
from service.stores.queue import SHARE_PHOTO
from service.stores.share import Networks as PostingNetworks
from service.telemetry.chains import Chains
from service.telemetry.metrics import Metrics


class Shares:
    """The jobs of the queue `share`; a job may run again, and then gives the network the same key.

    observe: gets the chain's name and the seconds from the upload to the post.
    """

    def __init__(
        self, photos: PhotoStore, links: Links, networks: Networks, observe: Callable[[str, float], None]
    ) -> None:
        self._photos = photos
        self._links = links
        self._networks = networks
        self._observe = observe

    def post(self, photo_id: int, network: str, at: float) -> None:
        """Post one photo to one network; `at`: when its upload was acknowledged, seconds since 1970.

        NotFoundError when there is no such photo, RefusedError when the network will never take it.
        """
        photo = self._photos.find_photo(photo_id)
        if photo is None:
            raise NotFoundError("no such photo")
        self._networks.post(network, self._links.view(photo.key), photo.caption, f"photo-{photo_id}")
        self._observe(UPLOAD_TO_SHARED, max(0.0, time.time() - at))


def prepare(config: Config) -> Create:
    """Needs the addresses of the social networks."""

    def create(stores: Backends, metrics: Metrics) -> Handlers:
        networks = PostingNetworks(config.share_networks)
        return {SHARE_PHOTO: Shares(stores.photos, stores.links, networks, Chains(metrics).observe).post}

    return create
