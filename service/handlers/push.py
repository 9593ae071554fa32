"""The queue `push`."""

from service.backends import Backends
from service.config import Config, ConfigError
from service.handlers import Create, Handlers
from service.jobs.push import Pushes
from service.stores.provider_tokens import ProviderTokens
from service.stores.push import Apns
from service.stores.queue import DELIVER_PUSHES
from service.telemetry.chains import Chains
from service.telemetry.jobs import PushCounter
from service.telemetry.metrics import Metrics


def prepare(config: Config) -> Create:
    """It needs the push service's address, and a key to sign with."""
    push = config.push
    if push is None:
        raise ConfigError("LIKESTORM_PUSH_URL is not set")
    # Connects when it is first used, so each process gets a connection of its own.
    apns = Apns(push.url, push.topic, ProviderTokens(push.key, push.key_id, push.team_id), push.ca)

    def create(stores: Backends, metrics: Metrics) -> Handlers:
        jobs = Pushes(
            stores.notifications,
            stores.media_map,
            stores.photos,
            stores.activity,
            stores.devices,
            apns,
            Chains(metrics).observe,
            PushCounter(metrics).count,
        )
        return {DELIVER_PUSHES: jobs.deliver}

    return create
