"""The tables of users, each user on the shard that his name's hash gives."""

from service.domain.entities import Credentials, Profile
from service.domain.ids import shard_of, shard_of_name
from service.stores.postgres.router import ShardRouter


class Accounts:
    """Users by name and by id."""

    def __init__(self, shards: ShardRouter) -> None:
        self._shards = shards

    def create_user(self, username: str, password_hash: str) -> int | None:
        """The new user's id, None when the name is taken."""
        row = self._shards.row(
            shard_of_name(username, self._shards.count),
            "INSERT INTO {shard}.users (user_id, username, password_hash) VALUES ({shard}.next_id(), $1, $2) "
            "ON CONFLICT (username) DO NOTHING RETURNING user_id",
            (username, password_hash),
        )
        return row[0] if row else None

    def find_credentials(self, username: str) -> Credentials | None:
        """What a log-in is checked against."""
        row = self._shards.row(
            shard_of_name(username, self._shards.count),
            "SELECT user_id, password_hash FROM {shard}.users WHERE username = $1",
            (username,),
        )
        return Credentials(*row) if row else None

    def find_username(self, user_id: int) -> str | None:
        """A user's name."""
        row = self._shards.row(shard_of(user_id), "SELECT username FROM {shard}.users WHERE user_id = $1", (user_id,))
        return row[0] if row else None

    def find_profile(self, user_id: int, fresh: bool) -> Profile | None:
        """A user as others see him."""
        row = self._shards.row(
            shard_of(user_id),
            "SELECT user_id, username, photos, followers, following, created_at FROM {shard}.users WHERE user_id = $1",
            (user_id,),
            fresh,
        )
        return Profile(*row) if row else None
