"""The seeded population: a function of a number, worked out shard by shard, so that millions of users fit in memory.

Users are counted from 1 and signed up in that order, a millisecond after the other; user N's k-th photo came k·users
milliseconds after him. So every id, owner and like follows from N, without a table of them. Kept are the order of the
users by shard (10 bytes each) and who follows whom (48 bytes an edge).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import gcd, log
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from service.domain.errors import ServiceError
from service.domain.ids import SEQUENCE_BITS, SHARD_BITS

Ids = NDArray[np.int64]
Shares = NDArray[np.float64]

MOST_PHOTOS = 999
"""Of one user."""
MOST_FOLLOWS = 50_000_000
_BATCH = 20_000
_GOLDEN = 0.6180339887498949


class PopulationError(ServiceError):
    """A population that cannot be made."""


@dataclass(frozen=True)
class Size:
    """How much to seed; photos and likes on average."""

    users: int
    photos_per_user: int
    follows_per_user: int
    likes_per_photo: int = 2


@dataclass(frozen=True)
class Batch:
    """Some users of one shard and their photos, as arrays side by side.

    Of users: numbers (N), users (ids), photo_counts. Of photos: photos (ids), owners, orders (k), like_counts, and
    ranks by popularity (fractions from 0: an estimate). Of likes: liked (photo ids), likers. The ids hold the moments.
    """

    numbers: Ids
    users: Ids
    photo_counts: Ids
    photos: Ids
    owners: Ids
    orders: Ids
    ranks: Shares
    like_counts: Ids
    liked: Ids
    likers: Ids


class Population:
    """Users whose photos, and photos whose likes, are many for a few and few for most, by Zipf's law."""

    def __init__(self, size: Size, seed: int, shards: int) -> None:
        if size.users < 1 or not 1 <= size.photos_per_user <= MOST_PHOTOS // 4:
            raise PopulationError(f"there must be at least one user, and 1 to {MOST_PHOTOS // 4} photos a user")
        if not 0 <= size.follows_per_user * 2 <= size.users:
            raise PopulationError("a user can follow at most half of the users")
        if size.users * size.follows_per_user > MOST_FOLLOWS:
            raise PopulationError(f"at most {MOST_FOLLOWS:,} follows can be seeded")
        self.size = size
        self._seed = seed
        self._steps = _cumulative_counts(size)
        # With a step that has no divisor in common with the number of users, nobody comes up twice.
        self._step = next(
            step for step in range(max(1, round(size.users * _GOLDEN)), 2**62) if gcd(step, size.users) == 1
        )
        names = (crc32(b"seed%d" % number) % shards for number in range(1, size.users + 1))
        self._shards = np.fromiter(names, dtype=np.uint16, count=size.users)
        self._numbers_by_shard = np.argsort(self._shards, kind="stable").astype(np.uint32) + np.uint32(1)
        self._bounds = np.searchsorted(self._shards[self._numbers_by_shard - 1], np.arange(shards + 1))

    def user_ids(self, numbers: Ids) -> Ids:
        """The ids of users by their numbers."""
        return _compose(numbers, self._shards[numbers - 1].astype(np.int64))

    def members(self, shard: int) -> Ids:
        """The numbers of a shard's users, lowest first."""
        return self._numbers_by_shard[self._bounds[shard] : self._bounds[shard + 1]].astype(np.int64)

    def batches(self, shard: int) -> Iterator[Batch]:
        """A shard's users and what belongs to them; within a batch all numbers have the same number of digits."""
        members = self.members(shard)
        longer = np.searchsorted(members, 10 ** np.arange(1, 10))
        bounds = sorted({*range(0, len(members), _BATCH), *longer.tolist(), len(members)})
        for first, last in pairwise(bounds):
            yield self._batch(shard, members[first:last])

    def _batch(self, shard: int, numbers: Ids) -> Batch:
        users = _compose(numbers, shard)
        photo_counts = self._photo_counts(numbers)
        owners = np.repeat(users, photo_counts)
        orders = _count_up(photo_counts) + 1
        photos = _compose(np.repeat(numbers, photo_counts) + orders * self.size.users, shard)
        ranks = self._draw(photos, 1) * self.size.users * self.size.photos_per_user
        like_counts = self._like_counts(photos, ranks)
        liked = np.repeat(photos, like_counts)
        first = np.repeat((self._draw(photos, 3) * self.size.users).astype(np.int64), like_counts)
        likers = self.user_ids((first + _count_up(like_counts) * self._step) % self.size.users + 1)
        return Batch(numbers, users, photo_counts, photos, owners, orders, ranks, like_counts, liked, likers)

    def _photo_counts(self, numbers: Ids) -> Ids:
        places = (numbers * self._step + self._seed) % self.size.users
        return np.searchsorted(self._steps, places, side="right").astype(np.int64) + 1

    def _like_counts(self, photos: Ids, ranks: Shares) -> Ids:
        photos_in_all = self.size.users * self.size.photos_per_user
        expected = self.size.likes_per_photo * photos_in_all / log(1 + photos_in_all) / (1 + ranks)
        return np.minimum(expected + self._draw(photos, 2), self.size.users // 2).astype(np.int64)

    def _draw(self, numbers: Ids, purpose: int) -> Shares:
        """A number from 0 to 1 for each of `numbers`, always the same (the mixing function of SplitMix64)."""
        start = (self._seed * 0x9E3779B97F4A7C15 + purpose * 0xD1B54A32D192ED03) & 2**64 - 1
        mixed = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(start)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        shares: Shares = ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) / 2**53
        return shares

    @cached_property
    def follows(self) -> Ids:
        """Pairs of users' numbers, follower and followee; each user has the same number of followees."""
        if not self.size.follows_per_user:
            return np.empty((0, 2), dtype=np.int64)
        random = np.random.default_rng(self._seed)
        everybody = np.arange(1, self.size.users + 1, dtype=np.int64)
        return _draw_follows(random, random.permutation(everybody), self.size.follows_per_user)

    @cached_property
    def follower_counts(self) -> NDArray[np.int32]:
        """How many follow each user, by his number."""
        return np.bincount(self.follows[:, 1], minlength=self.size.users + 1).astype(np.int32)

    def following_of(self, shard: int) -> Ids:
        """The edges of a shard's followers: follower and followee, ids."""
        return self._edges(*self._by_follower, shard)

    def followers_of(self, shard: int) -> Ids:
        """The edges of a shard's followees: followee and follower, ids."""
        return self._edges(*self._by_followee, shard)[:, ::-1]

    def _edges(self, edges: Ids, bounds: Ids, shard: int) -> Ids:
        its = edges[bounds[shard] : bounds[shard + 1]]
        return np.column_stack([self.user_ids(its[:, 0]), self.user_ids(its[:, 1])])

    @cached_property
    def _by_follower(self) -> tuple[Ids, Ids]:
        return self._sorted_by_shard(0)

    @cached_property
    def _by_followee(self) -> tuple[Ids, Ids]:
        return self._sorted_by_shard(1)

    def _sorted_by_shard(self, end: int) -> tuple[Ids, Ids]:
        """The edges by the shard of one end, and where each shard's begin."""
        numbers = self.follows[:, end]
        shards = self._shards[numbers - 1]
        order = np.lexsort((numbers, shards))
        return self.follows[order], np.searchsorted(shards[order], np.arange(len(self._bounds)))


def _compose(milliseconds: Ids, shards: Ids | int) -> Ids:
    composed: Ids = milliseconds << SHARD_BITS + SEQUENCE_BITS | shards << SEQUENCE_BITS
    return composed


def _count_up(counts: Ids) -> Ids:
    """0, 1, … for each of `counts`, in a row: (2, 3) gives 0, 1, 0, 1, 2."""
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)


def _cumulative_counts(size: Size) -> Ids:
    """How many users have at most 1, 2, … photos: k are as likely as 1/k^s, with the s that gives the average."""
    low, high = 0.0, 64.0
    steps: Ids = np.empty(0, dtype=np.int64)
    for _ in range(60):
        exponent = (low + high) / 2
        weights = np.cumsum(np.arange(1, MOST_PHOTOS + 1) ** -exponent)
        steps = np.rint(weights / weights[-1] * size.users).astype(np.int64)
        # Of those who have more than k photos, each has one more than counted up to k.
        if size.users + int((size.users - steps).sum()) > size.users * size.photos_per_user:
            low = exponent
        else:
            high = exponent
    return steps


def _zipf(random: np.random.Generator, ranked: Ids, count: int) -> Ids:
    """`count` draws from `ranked`, the one of rank r with a weight of 1/r."""
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
