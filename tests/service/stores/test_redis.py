from collections.abc import Iterator
from threading import Thread

import pytest
import redis

from service.domain.entities import Session
from service.domain.errors import UnavailableError
from service.stores.redis import connect_redis
from service.stores.sessions import Sessions
from tests.servers import free_port, wait_until
from tests.servers import redis as redis_server


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with redis_server() as url:
        yield url


@pytest.fixture
def client(url: str) -> Iterator[redis.Redis]:
    client = connect_redis(url, 2.0)
    client.flushdb()
    yield client
    client.close()


def test_a_token_stands_for_its_user_until_it_is_closed(client: redis.Redis) -> None:
    sessions = Sessions(client, 60)
    first, second = sessions.open_sessions([7, 2**62])
    assert sessions.find_session(first) == Session(7, first, wrote_lately=False)
    assert sessions.find_session(second) == Session(2**62, second, wrote_lately=False)
    sessions.close_session(first)
    assert sessions.find_session(first) is None
    assert sessions.find_session(second) is not None


def test_only_the_hash_of_a_token_is_stored_and_not_for_ever(client: redis.Redis) -> None:
    sessions = Sessions(client, 60)
    token = sessions.open_session(7)
    sessions.mark_written(token)
    stored = client.keys()
    assert len(stored) == 2
    for key in stored:
        assert token.encode() not in key
        assert 0 < client.ttl(key) <= 60


def test_tokens_are_long_and_each_is_another(client: redis.Redis) -> None:
    tokens = Sessions(client, 60).open_sessions([7] * 1000)
    assert len(set(tokens)) == 1000
    assert min(map(len, tokens)) >= 32


def test_a_session_ends_by_itself(client: redis.Redis) -> None:
    sessions = Sessions(client, 1)
    token = sessions.open_session(7)
    assert sessions.find_session(token) is not None
    wait_until(lambda: sessions.find_session(token) is None)


def test_who_wrote_reads_from_primaries_for_a_while(client: redis.Redis) -> None:
    sessions = Sessions(client, 60, fresh_s=1)
    token, other = sessions.open_sessions([7, 7])
    sessions.mark_written(token)
    assert sessions.find_session(token) == Session(7, token, wrote_lately=True)
    assert sessions.find_session(other) == Session(7, other, wrote_lately=False)
    wait_until(lambda: sessions.find_session(token) == Session(7, token, wrote_lately=False))


def test_a_writer_is_found_and_marked_at_once(client: redis.Redis) -> None:
    sessions = Sessions(client, 60)
    token = sessions.open_session(7)
    assert sessions.find_writer(token) == Session(7, token, wrote_lately=True)
    assert sessions.find_session(token) == Session(7, token, wrote_lately=True)


def test_an_unknown_token_leaves_nothing_behind(client: redis.Redis) -> None:
    sessions = Sessions(client, 60)
    assert sessions.find_session("guessed") is None
    assert sessions.find_writer("guessed") is None
    assert client.keys() == []


def test_a_closed_session_stays_closed(client: redis.Redis) -> None:
    sessions = Sessions(client, 60)
    token = sessions.open_session(7)
    sessions.mark_written(token)
    sessions.close_session(token)
    assert client.keys() == []
    sessions.mark_written(token)
    assert sessions.find_session(token) is None


def test_no_server_is_unavailable() -> None:
    client = connect_redis(f"redis://127.0.0.1:{free_port()}/0", 0.2)
    sessions = Sessions(client, 60)
    for call in (sessions.find_session, sessions.find_writer, sessions.mark_written, sessions.close_session):
        with pytest.raises(UnavailableError, match="redis"):
            call("token")
    with pytest.raises(UnavailableError, match="redis"):
        sessions.open_session(7)
    client.close()


def test_a_connection_that_was_lost_is_made_anew(client: redis.Redis, url: str) -> None:
    token = Sessions(client, 60).open_session(7)
    other = connect_redis(url, 2.0)
    assert other.client_kill_filter(_type="normal", skipme=True) == 1
    other.close()
    assert Sessions(client, 60).find_session(token) == Session(7, token, wrote_lately=False)


def test_threads_share_a_client(client: redis.Redis) -> None:
    sessions = Sessions(client, 60)
    tokens = sessions.open_sessions(range(1, 101))
    found: list[Session | None] = []

    def find(part: list[str]) -> None:
        found.extend(sessions.find_writer(token) for token in part)

    threads = [Thread(target=find, args=(part,)) for part in (tokens[:50], tokens[50:])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {session.token: session.user_id for session in found if session} == dict(
        zip(tokens, range(1, 101), strict=True)
    )


def test_a_script_that_redis_has_lost_is_sent_again(client: redis.Redis) -> None:
    sessions = Sessions(client, 60)
    token = sessions.open_session(7)
    assert sessions.find_writer(token) == Session(7, token, wrote_lately=True)
    client.script_flush()
    assert sessions.find_writer(token) == Session(7, token, wrote_lately=True)


def test_a_reply_that_comes_too_late_is_not_taken_for_the_next_one(url: str) -> None:
    client = connect_redis(url, 0.2)
    try:
        with pytest.raises(redis.TimeoutError):
            client.blpop(["nothing"], 0.5)
        assert client.echo("this") == b"this"
    finally:
        client.close()
