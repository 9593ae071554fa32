"""Notifications: a batch of events becomes lines in activity feeds and pushes to devices."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import chain

from service.backends import Backends
from service.catalog import LIKE_TO_PUSH
from service.config import Config, ConfigError
from service.domain.errors import UnavailableError
from service.domain.ports import ActivityStore, DeviceStore, MediaMap, NotificationBatches, PhotoStore, PushService
from service.domain.pushes import Notice, PushResult, compose_pushes, tell
from service.jobs import Create, Handlers
from service.stores.provider_tokens import ProviderTokens
from service.stores.push import Apns
from service.stores.queue import DELIVER_PUSHES
from service.telemetry.chains import Chains
from service.telemetry.jobs import PushCounter
from service.telemetry.metrics import Metrics

GATHERING_S = 0.5
"""How long a job waits before it takes what has gathered: likes of one photo become one push, and jobs stay few."""


class Pushes:
    """The jobs of the queue `push`; each may run more than once.

    observe: gets the chain's name and the seconds from each like to its push. count: gets the outcome of each push.
    """

    def __init__(
        self,
        batches: NotificationBatches,
        media_map: MediaMap,
        photos: PhotoStore,
        activity: ActivityStore,
        devices: DeviceStore,
        service: PushService,
        observe: Callable[[str, float], None],
        count: Callable[[str], None],
        gathering_s: float = GATHERING_S,
    ) -> None:
        self._batches = batches
        self._media_map = media_map
        self._photos = photos
        self._activity = activity
        self._devices = devices
        self._service = service
        self._observe = observe
        self._count = count
        self._gathering_s = gathering_s

    def deliver(self, batch: str) -> None:
        """Notify all recipients of a batch.

        A repeat leaves out what was sent before. UnavailableError when not all could be sent.
        """
        time.sleep(self._gathering_s)
        notices = self._batches.take(batch)
        if not notices:
            return
        told = tell(notices, self._find_owners(notices))
        self._activity.add_events(told)
        pushes = compose_pushes(told, self._devices.find_devices(list(told)))
        sent = self._batches.find_sent(batch)
        left = [push for push in pushes if push.id not in sent]
        self._service.send(left, lambda results: self._settle(batch, results))
        self._batches.finish(batch)

    def _find_owners(self, notices: Sequence[Notice]) -> dict[int, int]:
        """By photo; what the media map does not know, the photos' own shards do."""
        asked = {notice.event.photo_id for notice in notices if notice.recipient_id is None}
        photo_ids = [photo_id for photo_id in asked if photo_id is not None]
        try:
            owners = self._media_map.find_owners(photo_ids)
        except UnavailableError:
            owners = {}
        missing = [photo_id for photo_id in photo_ids if photo_id not in owners]
        found = self._photos.find_photos(missing) if missing else {}
        learnt = {photo_id: photo.owner_id for photo_id, (photo, _) in found.items()}
        if learnt:
            with suppress(UnavailableError):
                self._media_map.put_owners(learnt.items())
        return owners | learnt

    def _settle(self, batch: str, results: Sequence[PushResult]) -> None:
        """Store the outcomes at once, so that after a kill only the pushes in flight are sent again."""
        now = time.time()
        self._batches.mark_sent(batch, [result.push.id for result in results])
        for result in results:
            self._count(result.outcome)
            if result.outcome == "gone":
                self._devices.forget_device(result.push.device, result.since)
        delivered = [result.push for result in results if result.outcome == "delivered"]
        for event in chain.from_iterable(push.events for push in delivered):
            if event.kind == "like":
                self._observe(LIKE_TO_PUSH, max(0.0, now - event.at))


def prepare(config: Config) -> Create:
    """Needs the push service's address and a key to sign with."""
    push = config.push
    if push is None:
        raise ConfigError("LIKESTORM_PUSH_URL is not set")
    # Each process connects at its first push, so each has a connection of its own.
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
