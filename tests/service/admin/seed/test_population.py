import numpy as np
import pytest

from service.admin.seed.population import Batch, Population, PopulationError, Size
from service.domain.ids import shard_of_name, split

SHARDS = 8
SIZE = Size(users=2000, photos_per_user=3, follows_per_user=20)


def batches(population: Population, shards: int = SHARDS) -> list[Batch]:
    return [batch for shard in range(shards) for batch in population.batches(shard)]


@pytest.fixture(scope="module")
def population() -> Population:
    return Population(SIZE, 7, SHARDS)


def test_the_same_number_gives_the_same_population(population: Population) -> None:
    again = Population(SIZE, 7, SHARDS)
    for one, other in zip(batches(population), batches(again), strict=True):
        assert all(np.array_equal(getattr(one, name), getattr(other, name)) for name in vars(one))
    assert np.array_equal(population.follows, again.follows)
    different = Population(SIZE, 8, SHARDS)
    assert not np.array_equal(population.follows, different.follows)
    assert not np.array_equal(batches(population)[0].like_counts, batches(different)[0].like_counts)


def test_every_user_is_on_the_shard_of_his_name(population: Population) -> None:
    numbers: list[int] = []
    for shard in range(SHARDS):
        for batch in population.batches(shard):
            numbers += batch.numbers.tolist()
            assert [shard_of_name(f"seed{number}", SHARDS) for number in batch.numbers] == [shard] * len(batch.numbers)
            assert [split(user) for user in batch.users.tolist()] == [(number, shard, 0) for number in batch.numbers]
            assert len({len(str(number)) for number in batch.numbers}) == 1
            assert np.array_equal(population.user_ids(batch.numbers), batch.users)
    assert sorted(numbers) == list(range(1, 2001))


def test_photos_are_on_their_owners_shard_and_few_users_have_many(population: Population) -> None:
    every = batches(population)
    photos = np.concatenate([batch.photos for batch in every])
    owners = np.concatenate([batch.owners for batch in every])
    counts = np.sort(np.concatenate([batch.photo_counts for batch in every]))
    assert len(np.unique(photos)) == len(photos) == counts.sum()
    assert abs(counts.sum() - 6000) <= 20
    assert counts[0] == 1
    assert counts[-20:].sum() > 0.2 * counts.sum()
    assert np.array_equal(photos >> 10 & 8191, owners >> 10 & 8191)
    assert np.array_equal(np.sort(np.unique(owners, return_counts=True)[1]), counts)


def test_likes_are_different_pairs_of_what_exists_and_few_photos_have_most(population: Population) -> None:
    every = batches(population)
    likes = np.column_stack(
        [np.concatenate([batch.liked for batch in every]), np.concatenate([batch.likers for batch in every])]
    )
    assert len(np.unique(likes, axis=0)) == len(likes) > 8000
    assert set(likes[:, 1].tolist()) <= set(np.concatenate([batch.users for batch in every]).tolist())
    for batch in every:
        counted = dict(zip(*(part.tolist() for part in np.unique(batch.liked, return_counts=True)), strict=True))
        assert [counted.get(photo, 0) for photo in batch.photos.tolist()] == batch.like_counts.tolist()
    counts = np.concatenate([batch.like_counts for batch in every])
    by_rank = counts[np.argsort(np.concatenate([batch.ranks for batch in every]))]
    assert by_rank[:60].sum() > 0.3 * counts.sum()
    assert by_rank[0] == by_rank.max() <= 1000


def test_everybody_follows_as_many_others_and_each_edge_is_on_both_shards(population: Population) -> None:
    followers, followees = population.follows.T
    assert np.bincount(followers).tolist() == [0] + [20] * 2000
    assert not np.any(followers == followees)
    assert len(np.unique(population.follows, axis=0)) == 40_000
    popularity = np.sort(population.follower_counts)[::-1]
    assert popularity[:10].sum() > 0.15 * 40_000
    outgoing = np.concatenate([population.following_of(shard) for shard in range(SHARDS)])
    incoming = np.concatenate([population.followers_of(shard) for shard in range(SHARDS)])
    assert np.array_equal(np.unique(outgoing, axis=0), np.unique(incoming[:, ::-1], axis=0))
    assert len(outgoing) == len(incoming) == 40_000
    assert set((population.followers_of(3)[:, 0] >> 10 & 8191).tolist()) == {3}
    assert set((population.following_of(3)[:, 0] >> 10 & 8191).tolist()) == {3}


@pytest.mark.parametrize("size", [Size(1, 1, 0), Size(2, 1, 1, 0), Size(10, 2, 5), Size(3, 249, 1)])
def test_the_smallest_populations_can_be_made(size: Size) -> None:
    made = Population(size, 1, 4)
    photos = sum(len(batch.photos) for batch in batches(made, 4))
    assert abs(photos - size.users * size.photos_per_user) <= size.photos_per_user
    assert len(made.follows) == size.users * size.follows_per_user


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (Size(0, 1, 0), "at least one user"),
        (Size(10, 250, 0), "1 to 249 photos"),
        (Size(4, 1, 3), "half of the users"),
        (Size(10_000_000, 1, 6), "50,000,000 follows"),
    ],
)
def test_what_cannot_be_made_is_refused(size: Size, message: str) -> None:
    with pytest.raises(PopulationError, match=message):
        Population(size, 1, 4)
