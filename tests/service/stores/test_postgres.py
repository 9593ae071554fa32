"""The tables through PgBouncer, as the service reaches them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import psycopg
import pytest

from service.config import Config
from service.domain.errors import UnavailableError
from service.domain.records import LikeOutcome
from service.stores.postgres import Accounts, Database, Feed, Likes, Photos
from tests.servers import free_port


@pytest.fixture
def database(config: Config) -> Iterator[Database]:
    database = Database(config.database_url, 4, 5.0, lambda seconds: None)
    database.open()
    yield database
    database.close()


def insert(database: Database, owner: int) -> int:
    photos = Photos(database)
    photo_id = photos.next_photo_id()
    assert photos.insert_photo(photo_id, owner, "key", "")
    return photo_id


def test_a_name_is_given_once(database: Database) -> None:
    accounts = Accounts(database)
    user_id = accounts.create_user("only-one", "hash")
    assert user_id is not None
    assert accounts.create_user("only-one", "other") is None
    found = accounts.find_credentials("only-one")
    assert found is not None
    assert (found.user_id, found.password_hash) == (user_id, "hash")
    assert accounts.find_credentials("nobody") is None


def test_a_like_counts_once_and_can_be_taken_back_once(database: Database) -> None:
    likes, photo = Likes(database), insert(database, 1)
    assert likes.add_like(photo, 5) == LikeOutcome(True, 1)
    assert likes.add_like(photo, 5) == LikeOutcome(False, 1)
    assert likes.add_like(photo, 6) == LikeOutcome(True, 2)
    assert likes.remove_like(photo, 5) == LikeOutcome(True, 1)
    assert likes.remove_like(photo, 5) == LikeOutcome(False, 1)
    assert likes.remove_like(2**62, 5) is None


def test_likes_at_the_same_time_are_all_counted(database: Database) -> None:
    likes, photo = Likes(database), insert(database, 1)
    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(lambda turn: likes.add_like(photo, turn // 2), range(100)))
    assert sum(outcome.changed for outcome in outcomes if outcome) == 50
    found = Photos(database).find_state(photo)
    assert found is not None
    assert found.likes == 50


def test_a_photo_is_inserted_once(database: Database) -> None:
    photos, photo = Photos(database), insert(database, 1)
    assert photos.insert_photo(photo, 2, "another", "") is None
    found = photos.find_photo(photo)
    assert found is not None
    assert (found.owner_id, found.key) == (1, "key")
    photos.mark_thumbnail(photo)
    state = photos.find_state(photo)
    assert state is not None
    assert state.thumbnail


def test_the_feed_has_the_newest_of_all_followed_first(database: Database, config: Config) -> None:
    reader, followed, stranger = 900_001, (900_002, 900_003), 900_004
    with psycopg.connect(config.database_url, prepare_threshold=None) as connection:
        for user in followed:
            connection.execute("INSERT INTO follows VALUES (%s, %s)", (reader, user))
    ids = [insert(database, owner) for owner in (*followed, stranger, *followed)]
    feed = Feed(database)
    assert [item.photo.id for item in feed.newest_followed(reader, 2**63 - 1, 3)] == [ids[4], ids[3], ids[1]]
    assert [item.photo.id for item in feed.newest_followed(reader, ids[3], 3)] == [ids[1], ids[0]]
    assert feed.newest_followed(stranger, 2**63 - 1, 3) == []


def test_a_silent_server_costs_no_more_than_the_deadline(config: Config) -> None:
    waits: list[float] = []
    database = Database(config.database_url, 1, 0.3, waits.append)
    database.open()
    started = monotonic()
    with pytest.raises(UnavailableError, match="postgres"):
        database.rows("SELECT pg_sleep(20), 'late'")
    assert monotonic() - started < 2
    # The connection with the answer that is still to come is not used again.
    assert database.rows("SELECT 'prompt'") == [("prompt",)]
    assert len(waits) == 2
    database.close()


def test_no_server_is_unavailable() -> None:
    database = Database(f"postgresql://x@127.0.0.1:{free_port()}/x", 1, 0.2, lambda seconds: None)
    database.open()
    with pytest.raises(UnavailableError):
        database.ping()
    database.close()
