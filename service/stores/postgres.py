"""PostgreSQL: a pool of connections with deadlines, and what the domain asks of the tables.

Connections go through PgBouncer in transaction mode, so nothing may live in a session: no prepared statements, and
every operation is one autocommitted statement.
"""

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool

from service.domain.errors import UnavailableError
from service.domain.records import Credentials, FeedItem, LikeOutcome, Photo, PhotoState

Row = tuple[Any, ...]
RV = TypeVar("RV")


class DeadlineConnection(psycopg.Connection[Row]):
    """A connection that gives up on a silent server after `deadline` seconds.

    statement_timeout would not do: a server that is stopped obeys no timeout of its own.
    """

    deadline: float | None = None

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Wait for an answer; OperationalError after the deadline, and then the connection is closed."""
        try:
            return super().wait(gen, interval, self.deadline if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                # The answer may still come: nobody must get it as the answer to another question.
                self.pgconn.finish()
            raise


class Database:
    """A pool of autocommit connections; `on_wait` gets the seconds for which each caller waited for one."""

    def __init__(self, url: str, size: int, timeout: float, on_wait: Callable[[float], None]) -> None:
        def give_deadline(connection: DeadlineConnection) -> None:
            connection.deadline = timeout

        self._on_wait = on_wait
        self._pool = ConnectionPool(
            url,
            connection_class=DeadlineConnection,
            kwargs={"autocommit": True, "prepare_threshold": None, "connect_timeout": max(2, round(timeout))},
            configure=give_deadline,
            min_size=1,
            max_size=size,
            timeout=timeout,
            num_workers=1,
            open=False,
        )

    def open(self) -> None:
        """Start connecting in the background; to be called after the last fork."""
        self._pool.open()

    def close(self) -> None:
        """Close all connections and end the pool's threads."""
        self._pool.close()

    def rows(self, query: LiteralString, parameters: Sequence[object] = ()) -> list[Row]:
        """What one statement returns."""
        try:
            connection = self._borrow()
            try:
                return connection.execute(query, parameters).fetchall()
            finally:
                self._pool.putconn(connection)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise UnavailableError("postgres", error) from error

    def row(self, query: LiteralString, parameters: Sequence[object] = ()) -> Row | None:
        """The first row that one statement returns, None when it returns none."""
        rows = self.rows(query, parameters)
        return rows[0] if rows else None

    def ping(self) -> None:
        """Reach the server; UnavailableError when that fails."""
        self.rows("SELECT 1")

    def _borrow(self) -> DeadlineConnection:
        started = perf_counter()
        try:
            return self._pool.getconn()
        finally:
            self._on_wait(perf_counter() - started)


class Accounts:
    """The table of users."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create_user(self, username: str, password_hash: str) -> int | None:
        """The new user's id, None when the name is taken."""
        row = self._database.row(
            "INSERT INTO users (username, password_hash) VALUES (%s, %s) "
            "ON CONFLICT (username) DO NOTHING RETURNING user_id",
            (username, password_hash),
        )
        return row[0] if row else None

    def find_credentials(self, username: str) -> Credentials | None:
        """What a log-in is checked against."""
        row = self._database.row("SELECT user_id, password_hash FROM users WHERE username = %s", (username,))
        return Credentials(*row) if row else None


class Photos:
    """The table of photos."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def next_photo_id(self) -> int:
        """An id that no photo has or will get."""
        number: int = self._database.rows("SELECT nextval('photos_photo_id_seq')")[0][0]
        return number

    def insert_photo(self, photo_id: int, owner_id: int, key: str, caption: str) -> tuple[Photo, PhotoState] | None:
        """The new photo, None when there is one with this id already."""
        row = self._database.row(
            "INSERT INTO photos (photo_id, owner_id, object_key, caption) VALUES (%s, %s, %s, %s) "
            "ON CONFLICT (photo_id) DO NOTHING "
            "RETURNING photo_id, owner_id, object_key, caption, created_at, like_count, thumbnail",
            (photo_id, owner_id, key, caption),
        )
        return (Photo(*row[:5]), PhotoState(*row[5:])) if row else None

    def find_photo(self, photo_id: int) -> Photo | None:
        """What of a photo never changes."""
        row = self._database.row(
            "SELECT photo_id, owner_id, object_key, caption, created_at FROM photos WHERE photo_id = %s", (photo_id,)
        )
        return Photo(*row) if row else None

    def find_state(self, photo_id: int) -> PhotoState | None:
        """What of a photo changes."""
        row = self._database.row("SELECT like_count, thumbnail FROM photos WHERE photo_id = %s", (photo_id,))
        return PhotoState(*row) if row else None

    def mark_thumbnail(self, photo_id: int) -> None:
        """Note that the photo's thumbnail is in the store."""
        self._database.rows("UPDATE photos SET thumbnail = true WHERE photo_id = %s RETURNING 1", (photo_id,))


class Likes:
    """The table of likes, and the count of them that each photo keeps.

    Both change in one statement, so that the count is right without a transaction over several round trips.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_like(self, photo_id: int, user_id: int) -> LikeOutcome | None:
        """Store a like; None when it was there already but the photo is not."""
        row = self._database.row(
            "WITH new AS (INSERT INTO likes (photo_id, user_id) VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING 1) "
            "UPDATE photos SET like_count = like_count + 1 WHERE photo_id = %s AND EXISTS (SELECT FROM new) "
            "RETURNING like_count",
            (photo_id, user_id, photo_id),
        )
        return LikeOutcome(True, row[0]) if row else self._unchanged(photo_id)

    def remove_like(self, photo_id: int, user_id: int) -> LikeOutcome | None:
        """Take a like back; None when there is no such photo."""
        row = self._database.row(
            "WITH old AS (DELETE FROM likes WHERE photo_id = %s AND user_id = %s RETURNING 1) "
            "UPDATE photos SET like_count = like_count - 1 WHERE photo_id = %s AND EXISTS (SELECT FROM old) "
            "RETURNING like_count",
            (photo_id, user_id, photo_id),
        )
        return LikeOutcome(True, row[0]) if row else self._unchanged(photo_id)

    def _unchanged(self, photo_id: int) -> LikeOutcome | None:
        # Of its own: the statement that changed nothing sees the count from before a concurrent one like it.
        row = self._database.row("SELECT like_count FROM photos WHERE photo_id = %s", (photo_id,))
        return LikeOutcome(False, row[0]) if row else None


class Feed:
    """Whose photos a user sees."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest_followed(self, user_id: int, before: int, limit: int) -> list[FeedItem]:
        """Photos of followed users with ids below `before`, newest first; reads at most `limit` of each."""
        rows = self._database.rows(
            "SELECT newest.* FROM follows CROSS JOIN LATERAL ("
            "SELECT photo_id, owner_id, object_key, caption, created_at, like_count, thumbnail FROM photos "
            "WHERE owner_id = followee_id AND photo_id < %s ORDER BY photo_id DESC LIMIT %s) AS newest "
            "WHERE follower_id = %s ORDER BY photo_id DESC LIMIT %s",
            (before, limit, user_id, limit),
        )
        return [FeedItem(Photo(*row[:5]), PhotoState(*row[5:])) for row in rows]
