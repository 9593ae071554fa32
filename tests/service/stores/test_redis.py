from collections.abc import Iterator

import pytest
import redis

from service.config import Config
from service.domain.errors import UnavailableError
from service.stores.queue import JobQueue
from service.stores.redis import Sessions, connect_redis
from tests.servers import free_port


@pytest.fixture
def client(config: Config) -> Iterator[redis.Redis]:
    client = connect_redis(config.redis_url, 2.0)
    yield client
    client.close()


def test_a_token_stands_for_its_user_until_it_is_closed(client: redis.Redis) -> None:
    sessions = Sessions(client, 60)
    first, second = sessions.open_sessions([7, 8])
    assert (sessions.find_session(first), sessions.find_session(second)) == (7, 8)
    sessions.close_session(first)
    assert (sessions.find_session(first), sessions.find_session(second)) == (None, 8)


def test_only_the_hash_of_a_token_is_stored_and_not_for_ever(client: redis.Redis) -> None:
    client.flushdb()
    token = Sessions(client, 60).open_session(7)
    [key] = client.keys()
    assert token.encode() not in key
    assert 0 < client.ttl(key) <= 60


def test_no_server_is_unavailable() -> None:
    client = connect_redis(f"redis://127.0.0.1:{free_port()}/0", 0.2)
    with pytest.raises(UnavailableError):
        Sessions(client, 60).find_session("token")
    with pytest.raises(UnavailableError):
        JobQueue(client).enqueue_thumbnail(1)
    client.close()
