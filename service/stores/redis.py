"""Redis: sessions, by the hash of their token."""

import hashlib
import secrets

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from service.domain.errors import UnavailableError


def connect_redis(url: str, timeout: float) -> redis.Redis:
    """A client whose every command ends within `timeout` seconds; it connects when it is first used."""
    # One retry, and only of a connection that was found broken: Redis may have been restarted since it was last used.
    retry = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    return redis.Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=retry)


class Sessions:
    """Tokens and the users for whom they stand; `ttl` in seconds from the log-in.

    Only a token's SHA-256 is stored: who reads the store cannot act for anybody.
    """

    def __init__(self, client: redis.Redis, ttl: int) -> None:
        self._client = client
        self._ttl = ttl

    def open_session(self, user_id: int) -> str:
        """A fresh token."""
        return self.open_sessions([user_id])[0]

    def open_sessions(self, user_ids: list[int]) -> list[str]:
        """Fresh tokens, one for each of the users, in one round trip."""
        tokens = [secrets.token_urlsafe(24) for _ in user_ids]
        try:
            with self._client.pipeline(transaction=False) as pipeline:
                for user_id, token in zip(user_ids, tokens, strict=True):
                    pipeline.set(_key(token), user_id, ex=self._ttl)
                pipeline.execute()
        except redis.RedisError as error:
            raise UnavailableError("redis", error) from error
        return tokens

    def find_session(self, token: str) -> int | None:
        """The user's id, None when the token is unknown or has expired."""
        try:
            value = self._client.get(_key(token))
        except redis.RedisError as error:
            raise UnavailableError("redis", error) from error
        return None if value is None else int(value)

    def close_session(self, token: str) -> None:
        """Forget a token."""
        try:
            self._client.delete(_key(token))
        except redis.RedisError as error:
            raise UnavailableError("redis", error) from error

    def ping(self) -> None:
        """Reach the server; UnavailableError when that fails."""
        try:
            self._client.ping()
        except redis.RedisError as error:
            raise UnavailableError("redis", error) from error


def _key(token: str) -> str:
    return f"session:{hashlib.sha256(token.encode()).hexdigest()}"
