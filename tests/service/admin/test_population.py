import numpy as np
import pytest

from service.admin.population import Population, Size, populate


@pytest.fixture(scope="module")
def population() -> Population:
    return populate(Size(users=1000, photos_per_user=3, follows_per_user=20), seed=7)


def test_the_same_number_gives_the_same_population(population: Population) -> None:
    again = populate(Size(1000, 3, 20), seed=7)
    assert all(np.array_equal(getattr(population, name), getattr(again, name)) for name in vars(population))
    assert not np.array_equal(populate(Size(1000, 3, 20), seed=8).follows, population.follows)


def test_everybody_has_his_photos_and_follows_as_many_others(population: Population) -> None:
    assert np.bincount(population.owners).tolist() == [0] + [3] * 1000
    followers, followees = population.follows.T
    assert np.bincount(followers).tolist() == [0] + [20] * 1000
    assert not np.any(followers == followees)
    assert len(np.unique(population.follows, axis=0)) == 20_000
    assert (followees.min(), followees.max()) == (1, 1000)


def test_few_have_most_of_the_followers_and_likes(population: Population) -> None:
    followers = np.sort(np.bincount(population.follows[:, 1], minlength=1001))[::-1]
    assert followers[:10].sum() > 0.2 * 20_000
    counts = population.like_counts()
    assert counts.sum() == len(population.likes) > 4000
    most, least = population.popular[:30] - 1, population.popular[-300:] - 1
    assert counts[most].sum() > 5 * counts[least].sum()


def test_likes_are_different_pairs_of_what_exists(population: Population) -> None:
    photos, users = population.likes.T
    assert len(np.unique(population.likes, axis=0)) == len(population.likes)
    assert (photos.min() >= 1, photos.max() <= 3000, users.min() >= 1, users.max() <= 1000) == (True,) * 4


@pytest.mark.parametrize("size", [Size(1, 1, 0), Size(2, 1, 1), Size(10, 2, 5)])
def test_the_smallest_populations_can_be_made(size: Size) -> None:
    made = populate(size, 1)
    assert len(made.follows) == size.users * size.follows_per_user
