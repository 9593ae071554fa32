"""The client with which all stores reach Redis."""

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry


def connect_redis(url: str, timeout: float) -> redis.Redis:
    """A client that connects at its first command and ends every command within `timeout` seconds."""
    # One retry on a new connection, because Redis may have restarted since the connection was last used.
    retry = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    return redis.Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=retry)
