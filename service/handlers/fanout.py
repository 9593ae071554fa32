"""The queue `fanout`."""

from service.backends import Backends
from service.config import Config
from service.domain.lookup import PhotoLookup
from service.handlers import Create, Handlers
from service.jobs.fanout import Fanout
from service.stores.queue import PUBLISH_PHOTO
from service.telemetry.chains import Chains
from service.telemetry.metrics import Metrics


def prepare(_config: Config) -> Create:
    """It needs nothing but the stores."""
    return _create


def _create(stores: Backends, metrics: Metrics) -> Handlers:
    lookup = PhotoLookup(stores.photos, stores.cache)
    jobs = Fanout(lookup, stores.follows, stores.feeds, stores.tags, stores.media_map, Chains(metrics).observe)
    return {PUBLISH_PHOTO: jobs.publish}
