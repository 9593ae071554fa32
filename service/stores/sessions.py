"""Sessions in Redis by the hash of their token, and which of their users wrote lately."""

import hashlib
import secrets
from collections.abc import Sequence

import redis

from service.domain.entities import Session
from service.stores.redis import needs_redis

FRESH_S = 5
"""For how long after a write its user reads from primaries; replicas are to lag less than that."""

# One script where a pipeline would need two round trips, because an unknown token must leave nothing behind.
_FIND_WRITER = """
local user = redis.call('GET', KEYS[1])
if user then redis.call('SET', KEYS[2], 1, 'EX', ARGV[1]) end
return user
"""


class Sessions:
    """Tokens and their users; `ttl` in seconds from the log-in, `fresh_s` from a write.

    Only a token's SHA-256 is stored, so a reader of the store cannot act for a user. Tokens are made here and never
    taken from a client, which prevents session fixation. When Redis has lost them, users log in again.
    """

    def __init__(self, client: redis.Redis, ttl: int, fresh_s: int = FRESH_S) -> None:
        self._client = client
        self._ttl = ttl
        self._fresh_s = fresh_s
        self._find_writer = client.register_script(_FIND_WRITER)

    def open_session(self, user_id: int) -> str:
        """A fresh token."""
        return self.open_sessions([user_id])[0]

    @needs_redis
    def open_sessions(self, user_ids: Sequence[int]) -> list[str]:
        """Fresh tokens, one for each of the users, in one round trip."""
        tokens = [secrets.token_urlsafe(24) for _ in user_ids]
        with self._client.pipeline(transaction=False) as pipeline:
            for user_id, token in zip(user_ids, tokens, strict=True):
                pipeline.set(_keys(token)[0], user_id, ex=self._ttl)
            pipeline.execute()
        return tokens

    @needs_redis
    def find_session(self, token: str) -> Session | None:
        """The token's session; None when the token is unknown or has expired."""
        user_id, fresh = self._client.mget(_keys(token))
        return None if user_id is None else Session(int(user_id), token, fresh is not None)

    @needs_redis
    def find_writer(self, token: str) -> Session | None:
        """As find_session for a user who is about to write; marks the session so that reads go to primaries."""
        user_id = self._find_writer(keys=_keys(token), args=[self._fresh_s])
        return None if user_id is None else Session(int(user_id), token, True)

    @needs_redis
    def mark_written(self, token: str) -> None:
        """Send the session's reads to primaries for a while; to be called before a write."""
        self._client.set(_keys(token)[1], 1, ex=self._fresh_s)

    @needs_redis
    def close_session(self, token: str) -> None:
        """Forget a token."""
        self._client.delete(*_keys(token))

    @needs_redis
    def ping(self) -> None:
        """Reach the server; UnavailableError when that fails."""
        self._client.ping()


def _keys(token: str) -> tuple[str, str]:
    """Where the user's id is, and where it is noted that he wrote."""
    name = hashlib.sha256(token.encode()).hexdigest()
    return f"session:{name}", f"fresh:{name}"
