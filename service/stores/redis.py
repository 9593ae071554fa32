"""The client with which all stores reach Redis, and what its errors mean to the domain."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from service.domain.errors import UnavailableError

P = ParamSpec("P")
T = TypeVar("T")


def connect_redis(url: str, timeout: float) -> redis.Redis:
    """A client that connects at its first command and ends every command within `timeout` seconds."""
    # One retry on a new connection, because Redis may have restarted since the connection was last used.
    retry = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    return redis.Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=retry)


def needs_redis(operation: Callable[P, T]) -> Callable[P, T]:
    """Decorates an operation that raises UnavailableError when Redis fails."""

    @wraps(operation)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return operation(*args, **kwargs)
        except redis.RedisError as error:
            raise UnavailableError("redis", error) from error

    return run
