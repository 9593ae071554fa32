"""The seeded population as arrays: who follows whom, whose photos, who likes what; the same for the same number."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
LIKES_PER_PHOTO = 2
"""On average; the popular ones have most of them."""


@dataclass(frozen=True)
class Size:
    """How much to seed."""

    users: int
    photos_per_user: int
    follows_per_user: int


@dataclass(frozen=True)
class Population:
    """Ids count from 1. `owners[i]` owns photo i + 1; pairs are rows of two ids, without repetition.

    follows: follower, followee. likes: photo, user. popular: photo ids, most popular first.
    """

    users: int
    owners: Ids
    popular: Ids
    follows: Ids
    likes: Ids

    def like_counts(self) -> Ids:
        """How many like photo i + 1."""
        return np.bincount(self.likes[:, 0], minlength=len(self.owners) + 1)[1:]


def populate(size: Size, seed: int) -> Population:
    """Users are followed, and photos liked, by Zipf's law: the one of rank r with a weight of 1/r."""
    random = np.random.default_rng(seed)
    photos = size.users * size.photos_per_user
    everybody = np.arange(1, size.users + 1, dtype=np.int64)
    owners = random.permutation(np.repeat(everybody, size.photos_per_user))
    popular = random.permutation(np.arange(1, photos + 1, dtype=np.int64))
    follows = _draw_follows(random, random.permutation(everybody), size.follows_per_user)
    wanted = min(LIKES_PER_PHOTO * photos, photos * size.users // 2)
    likes = _distinct(_zipf(random, popular, wanted), random.choice(everybody, wanted))
    return Population(size.users, owners, popular, follows, likes)


def _zipf(random: np.random.Generator, ranked: Ids, count: int) -> Ids:
    """`count` draws from `ranked`, the first the likeliest."""
    weights = np.cumsum(1 / np.arange(1, len(ranked) + 1))
    ranks = np.searchsorted(weights, random.random(count) * weights[-1], side="right")
    drawn: Ids = ranked[np.minimum(ranks, len(ranked) - 1)]
    return drawn


def _draw_follows(random: np.random.Generator, ranked: Ids, each: int) -> Ids:
    """Pairs in which each of `ranked` has `each` different others, drawn by Zipf's law."""
    pairs = np.empty((0, 2), dtype=np.int64)
    short = np.repeat(np.sort(ranked), each)
    while len(short):
        drawn = _zipf(random, ranked, len(short))
        others = short != drawn
        pairs = _distinct(np.append(pairs[:, 0], short[others]), np.append(pairs[:, 1], drawn[others]))
        missing = each - np.bincount(pairs[:, 0], minlength=len(ranked) + 1)
        short = np.repeat(np.arange(1, len(ranked) + 1), missing[1:])
    return pairs


def _distinct(firsts: Ids, seconds: Ids) -> Ids:
    """The different pairs, sorted; made one number each, because sorting rows takes ten times as long."""
    base = int(seconds.max(initial=0)) + 1
    return np.column_stack(np.divmod(np.unique(firsts * base + seconds), base))
