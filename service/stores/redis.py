"""Redis: how to reach it."""

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry


def connect_redis(url: str, timeout: float) -> redis.Redis:
    """A client whose every command ends within `timeout` seconds; it connects when it is first used."""
    # One retry, and only of a connection that was found broken: Redis may have been restarted since it was last used.
    retry = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    return redis.Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=retry)
