"""Redis: how to reach it, and single commands without what its client does around each."""

import hashlib
from collections import deque
from collections.abc import Sequence
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError
from redis.retry import Retry

Argument = bytes | str | int | float


def connect_redis(url: str, timeout: float) -> redis.Redis:
    """A client whose every command ends within `timeout` seconds; it connects when it is first used."""
    # One retry, and only of a connection that was found broken: Redis may have been restarted since it was last used.
    retry = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    return redis.Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=retry)


class Commands:
    """Commands on connections of a client's pool, as it would send them, for a third of its time.

    The client takes a connection out of a locked pool, looks whether it is still good, tells observers, and looks for
    what a reply might have to become. Here one that turns out to be broken is made anew, once, as the client does it.
    After any other failure a connection is closed, so that nobody gets the answer to another's question.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._pool = client.connection_pool
        self._idle: deque[Any] = deque()

    def ask(self, *command: Argument) -> Any:
        """The plain reply; redis.RedisError."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._pool.get_connection()
        try:
            try:
                connection.send_command(*command, check_health=False)
                return connection.read_response()
            except redis.ConnectionError:
                connection.disconnect()
                connection.send_command(*command, check_health=False)
                return connection.read_response()
        except redis.ResponseError:
            raise
        except BaseException:
            connection.disconnect()
            raise
        finally:
            self._idle.append(connection)


class Script:
    """A Lua script that Redis keeps, by its hash."""

    def __init__(self, commands: Commands, text: str) -> None:
        self._commands = commands
        self._text = text
        self._name = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """What the script returns; a Redis that does not have it gets it."""
        try:
            return self._commands.ask("EVALSHA", self._name, len(keys), *keys, *arguments)
        except NoScriptError:
            return self._commands.ask("EVAL", self._text, len(keys), *keys, *arguments)
