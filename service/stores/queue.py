"""The queues of jobs for RQ's workers, one a kind of work."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

import redis
import rq
from rq.serializers import JSONSerializer

from service.catalog import FANOUT, PUSH, QUEUES, SHARE, THUMBNAILS
from service.stores.redis import needs_redis

# A job names a handler, not code, so access to Redis does not let anybody run other code.
DELIVER_PUSHES = "push.deliver"
PUBLISH_PHOTO = "fanout.publish"
MAKE_THUMBNAIL = "thumbnails.make"
SHARE_PHOTO = "share.post"

DEAD_LETTERS_KEPT_S = 7 * 86_400


@dataclass(frozen=True)
class Policy:
    """How a queue's jobs are run: the seconds that one attempt may take, and those to wait before each further one."""

    timeout_s: int
    waits_s: tuple[int, ...]

    @property
    def retry(self) -> rq.Retry:
        """The same in RQ's words."""
        return rq.Retry(max=len(self.waits_s), interval=list(self.waits_s))


# Waits are whole seconds, a second more or less. Jobs that call other companies wait longer.
POLICIES = {
    PUSH: Policy(30, (1, 5, 20, 60, 300)),
    FANOUT: Policy(30, (1, 5, 20, 60)),
    THUMBNAILS: Policy(10, (1, 10, 30)),
    SHARE: Policy(20, (2, 10, 60, 300, 900)),
}


@dataclass(frozen=True)
class _Call:
    queue: str
    job: str
    arguments: tuple[object, ...]
    job_id: str


class JobQueue:
    """Hands out jobs; what they return is not kept.

    A job's id tells what it is about, so one that is handed out again while it still waits is done once.
    `enqueued` gets each job's queue and the seconds that enqueueing took.
    """

    def __init__(self, client: redis.Redis, enqueued: Callable[[str, float], None]) -> None:
        self._client = client
        self._enqueued = enqueued
        self._queues = {name: rq.Queue(name, connection=client, serializer=JSONSerializer) for name in QUEUES}

    def enqueue_thumbnail(self, photo_id: int, at: float) -> None:
        """Have a photo's thumbnail made; `at`: when its upload was acknowledged, seconds since 1970."""
        self._enqueue(_thumbnail(photo_id, at))

    def enqueue_fanout(self, photo_id: int, at: float) -> None:
        """Have a photo put into its followers' feeds and under its tags."""
        self._enqueue(_fanout(photo_id, at))

    def enqueue_share(self, photo_id: int, network: str, at: float) -> None:
        """Have a photo posted to another network."""
        self._enqueue(_share(photo_id, network, at))

    def enqueue_upload(self, photo_id: int, networks: Sequence[str], at: float) -> None:
        """All that follows an upload, in one round trip: thumbnail, feeds, other networks."""
        self._enqueue(
            _thumbnail(photo_id, at), _fanout(photo_id, at), *(_share(photo_id, name, at) for name in networks)
        )

    def enqueue_push(self, batch: str) -> None:
        """Have gathered events delivered, as the batch of this name; each such job is one of its own."""
        self._enqueue(_Call(PUSH, DELIVER_PUSHES, (batch,), f"push-{batch}"))

    @needs_redis
    def _enqueue(self, *calls: _Call) -> None:
        started = perf_counter()
        with self._client.pipeline() as pipeline:
            for call in calls:
                policy = POLICIES[call.queue]
                data = rq.Queue.prepare_data(
                    call.job,
                    args=call.arguments,
                    job_id=call.job_id,
                    timeout=policy.timeout_s,
                    result_ttl=0,
                    failure_ttl=DEAD_LETTERS_KEPT_S,
                    retry=policy.retry,
                )
                self._queues[call.queue].enqueue_many([data], pipeline=pipeline)
            pipeline.execute()
        took = perf_counter() - started
        for call in calls:
            self._enqueued(call.queue, took)


def _thumbnail(photo_id: int, at: float) -> _Call:
    return _Call(THUMBNAILS, MAKE_THUMBNAIL, (photo_id, at), f"thumbnail-{photo_id}")


def _fanout(photo_id: int, at: float) -> _Call:
    return _Call(FANOUT, PUBLISH_PHOTO, (photo_id, at), f"fanout-{photo_id}")


def _share(photo_id: int, network: str, at: float) -> _Call:
    return _Call(SHARE, SHARE_PHOTO, (photo_id, network, at), f"share-{network}-{photo_id}")
