"""The queue `thumbnails`."""

from service.backends import Backends
from service.config import Config
from service.domain.lookup import PhotoLookup
from service.handlers import Create, Handlers
from service.jobs.thumbnails import Thumbnails
from service.stores.queue import MAKE_THUMBNAIL
from service.telemetry.chains import Chains
from service.telemetry.metrics import Metrics


def prepare(_config: Config) -> Create:
    """It needs nothing but the stores."""
    return _create


def _create(stores: Backends, metrics: Metrics) -> Handlers:
    lookup = PhotoLookup(stores.photos, stores.cache)
    jobs = Thumbnails(stores.photos, lookup, stores.objects, Chains(metrics).observe)
    return {MAKE_THUMBNAIL: jobs.make}
