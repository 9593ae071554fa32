"""PostgreSQL: what the domain asks of the tables, one file a noun, each statement on the shard that its ids name."""

from service.stores.postgres.accounts import Accounts
from service.stores.postgres.comments import Comments
from service.stores.postgres.follows import Follows
from service.stores.postgres.likes import Likes
from service.stores.postgres.photos import Photos
from service.stores.postgres.tags import Tags

__all__ = ["Accounts", "Comments", "Follows", "Likes", "Photos", "Tags"]
