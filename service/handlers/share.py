"""The queue `share`."""

from service.backends import Backends
from service.config import Config
from service.handlers import Create, Handlers
from service.jobs.share import Shares
from service.stores.queue import SHARE_PHOTO
from service.stores.share import Networks
from service.telemetry.chains import Chains
from service.telemetry.metrics import Metrics


def prepare(config: Config) -> Create:
    """It needs the social networks' addresses."""

    def create(stores: Backends, metrics: Metrics) -> Handlers:
        networks = Networks(config.share_networks)
        return {SHARE_PHOTO: Shares(stores.photos, stores.links, networks, Chains(metrics).observe).post}

    return create
