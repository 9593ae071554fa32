"""The queues on which RQ workers take their jobs."""

import redis
import rq
from rq.serializers import JSONSerializer

from service.domain.errors import UnavailableError

THUMBNAILS = "thumbnails"
MAKE_THUMBNAIL = "thumbnails.make"
"""The job's name; the worker knows what to run for it, so nobody who reaches Redis can name other code."""

JOB_TIMEOUT_S = 10
FAILED_JOBS_KEPT_S = 3600


class JobQueue:
    """Hands out jobs; their results are not kept."""

    def __init__(self, client: redis.Redis) -> None:
        self._thumbnails = rq.Queue(THUMBNAILS, connection=client, serializer=JSONSerializer)

    def enqueue_thumbnail(self, photo_id: int) -> None:
        """Have a photo's thumbnail made; a failed attempt is repeated three times, later and later."""
        try:
            self._thumbnails.enqueue_call(
                MAKE_THUMBNAIL,
                args=(photo_id,),
                job_id=f"thumbnail-{photo_id}",
                timeout=JOB_TIMEOUT_S,
                result_ttl=0,
                failure_ttl=FAILED_JOBS_KEPT_S,
                retry=rq.Retry(max=3, interval=[1, 10, 30]),
            )
        except redis.RedisError as error:
            raise UnavailableError("redis", error) from error
