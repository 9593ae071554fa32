"""The tables on their logical shards through PgBouncer, as the service reaches them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from service.config import Config
from service.domain.entities import LikeOutcome
from service.domain.ids import LARGEST, compose, shard_of, shard_of_name
from service.stores.postgres import Accounts, Comments, Follows, Likes, Photos, Tags
from service.stores.postgres.router import ShardRouter

_names = count(1)


@pytest.fixture
def shards(config: Config) -> Iterator[ShardRouter]:
    shards = ShardRouter(config.shards, 4, 5.0, lambda seconds: None)
    yield shards
    shards.close()


def sign_up(shards: ShardRouter) -> int:
    user_id = Accounts(shards).create_user(f"postgres-test-{next(_names)}", "hash")
    assert user_id is not None
    return user_id


def insert(shards: ShardRouter, owner: int) -> int:
    photos = Photos(shards)
    photo_id = photos.next_photo_id(owner)
    assert photos.insert_photo(photo_id, owner, "key", "caption")
    return photo_id


def two_on_different_servers(shards: ShardRouter) -> tuple[int, int]:
    users = [sign_up(shards) for _ in range(16)]
    # The map gives the shards to the servers in turn.
    return next(user for user in users if shard_of(user) % 2 == 0), next(user for user in users if shard_of(user) % 2)


def test_a_name_is_given_once_and_its_shard_is_in_the_id(shards: ShardRouter) -> None:
    accounts = Accounts(shards)
    user_id = accounts.create_user("only-one", "hash")
    assert user_id is not None
    assert shard_of(user_id) == shard_of_name("only-one", shards.count)
    assert accounts.create_user("only-one", "other") is None
    found = accounts.find_credentials("only-one")
    assert found is not None
    assert (found.user_id, found.password_hash) == (user_id, "hash")
    assert accounts.find_credentials("nobody") is None
    assert accounts.find_username(user_id) == "only-one"
    assert accounts.find_username(user_id + 1) is None


def test_a_like_counts_once_and_can_be_taken_back_once(shards: ShardRouter) -> None:
    likes, photo = Likes(shards), insert(shards, sign_up(shards))
    assert likes.add_like(photo, 5) == LikeOutcome(True, 1)
    assert likes.add_like(photo, 5) == LikeOutcome(False, 1)
    assert likes.add_like(photo, 6) == LikeOutcome(True, 2)
    assert likes.remove_like(photo, 5) == LikeOutcome(True, 1)
    assert likes.remove_like(photo, 5) == LikeOutcome(False, 1)


def test_a_photo_that_is_not_there_cannot_be_liked_and_nothing_stays(shards: ShardRouter) -> None:
    likes = Likes(shards)
    missing = Photos(shards).next_photo_id(sign_up(shards))
    assert likes.add_like(missing, 5) is None
    assert likes.remove_like(missing, 5) is None
    assert not shards.rows(shard_of(missing), "SELECT 1 FROM {shard}.likes WHERE photo_id = $1", (missing,))


def test_likes_at_the_same_time_are_all_counted(shards: ShardRouter) -> None:
    likes, photo = Likes(shards), insert(shards, sign_up(shards))
    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(lambda turn: likes.add_like(photo, turn // 2), range(100)))
    assert sum(outcome.changed for outcome in outcomes if outcome) == 50
    found = Photos(shards).find_state(photo)
    assert found is not None
    assert found.likes == 50


def test_a_photo_is_inserted_once_and_counted_once(shards: ShardRouter) -> None:
    photos, owner = Photos(shards), sign_up(shards)
    photo = insert(shards, owner)
    assert shard_of(photo) == shard_of(owner)
    assert photos.insert_photo(photo, 2, "another", "") is None
    found = photos.find_photo(photo)
    assert found is not None
    assert (found.owner_id, found.key, found.caption) == (owner, "key", "caption")
    photos.mark_thumbnail(photo)
    state = photos.find_state(photo)
    assert state is not None
    assert state.thumbnail
    profile = Accounts(shards).find_profile(owner, fresh=True)
    assert profile is not None
    assert (profile.user_id, profile.photos, profile.followers, profile.following) == (owner, 1, 0, 0)


def test_photos_of_several_servers_are_found_together(shards: ShardRouter) -> None:
    photos, owners = Photos(shards), two_on_different_servers(shards)
    ids = [insert(shards, owner) for owner in (*owners, *owners)]
    found = photos.find_photos([*ids, LARGEST, ids[0] + 1])
    assert {photo_id: (photo.id, photo.owner_id, state.likes) for photo_id, (photo, state) in found.items()} == {
        photo_id: (photo_id, owner, 0) for photo_id, owner in zip(ids, (*owners, *owners), strict=True)
    }
    assert photos.find_photos([]) == {}
    assert photos.newest_of(owners[0], LARGEST, 5, fresh=False) == [ids[2], ids[0]]
    assert photos.newest_of(owners[0], ids[2], 5, fresh=True) == [ids[0]]
    assert photos.newest_of_all(owners, LARGEST, 3) == sorted(ids, reverse=True)[:3]
    assert photos.newest_of_all(owners, sorted(ids)[2], 3) == sorted(ids)[1::-1]
    assert photos.newest_of_all([], LARGEST, 3) == []


def test_an_edge_is_stored_on_both_users_shards_and_counted(shards: ShardRouter) -> None:
    follows, accounts = Follows(shards), Accounts(shards)
    reader, followed = two_on_different_servers(shards)
    assert follows.add_follow(reader, followed) is True
    assert follows.add_follow(reader, followed) is False
    assert follows.followees(reader) == [followed]
    assert follows.followers(followed, 0, 10) == [reader]
    assert follows.followers(followed, reader, 10) == []
    mine, theirs = accounts.find_profile(reader, True), accounts.find_profile(followed, True)
    assert mine is not None
    assert theirs is not None
    assert (mine.following, mine.followers, theirs.following, theirs.followers) == (1, 0, 0, 1)
    assert follows.remove_follow(reader, followed) is True
    assert follows.remove_follow(reader, followed) is False
    assert (follows.followees(reader), follows.followers(followed, 0, 10)) == ([], [])


def test_nobody_can_follow_who_is_not_there(shards: ShardRouter) -> None:
    follows, reader = Follows(shards), sign_up(shards)
    assert follows.add_follow(reader, compose(2**39, shard_of(reader))) is None
    assert follows.add_follow(reader, compose(1, 8191)) is None
    assert follows.followees(reader) == []


def test_a_follow_that_failed_half_way_is_repaired_by_its_repetition(shards: ShardRouter) -> None:
    follows = Follows(shards)
    reader, followed = two_on_different_servers(shards)
    follows.add_follow(reader, followed)
    shards.rows(shard_of(followed), "DELETE FROM {shard}.followers WHERE followee_id = $1 RETURNING 1", (followed,))
    assert follows.add_follow(reader, followed) is True
    assert follows.followers(followed, 0, 10) == [reader]


def test_comments_are_read_in_the_order_in_which_they_were_written(shards: ShardRouter) -> None:
    comments, photo = Comments(shards), insert(shards, sign_up(shards))
    written = [comments.add_comment(photo, 7, text) for text in ("first", "'; DROP TABLE users; --", "third")]
    found = comments.find_comments(photo, 0, 10, fresh=True)
    assert found == written
    assert [comment.text for comment in found] == ["first", "'; DROP TABLE users; --", "third"]
    assert {shard_of(comment.id) for comment in found} == {shard_of(photo)}
    assert comments.find_comments(photo, found[0].id, 1, fresh=False) == [found[1]]
    assert comments.add_comment(photo + 1, 7, "nowhere") is None
    assert comments.find_comments(photo + 1, 0, 10, fresh=True) == []


def test_photos_are_listed_under_each_of_their_tags_once(shards: ShardRouter) -> None:
    tags, owners = Tags(shards), two_on_different_servers(shards)
    ids = sorted(insert(shards, owner) for owner in owners)
    for _ in range(2):
        tags.add_tags(ids[0], ["postgres_sunset", "postgres_zürich"])
        tags.add_tags(ids[1], ["postgres_sunset"])
    assert tags.newest_tagged("postgres_sunset", LARGEST, 10, fresh=True) == ids[::-1]
    assert tags.newest_tagged("postgres_sunset", ids[1], 10, fresh=False) == ids[:1]
    assert tags.newest_tagged("postgres_zürich", LARGEST, 10, fresh=True) == ids[:1]
    assert tags.newest_tagged("unknown", LARGEST, 10, fresh=True) == []


def test_an_id_of_a_shard_that_does_not_exist_is_just_not_there(shards: ShardRouter) -> None:
    made_up = compose(2**39, 8191, 5)
    assert Photos(shards).find_photo(made_up) is None
    assert Photos(shards).find_photos([made_up]) == {}
    assert Likes(shards).add_like(made_up, 1) is None
    assert Comments(shards).add_comment(made_up, 1, "x") is None
    assert Accounts(shards).find_profile(made_up, fresh=False) is None
