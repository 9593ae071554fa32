"""Users and photos made straight in the stores, for tests that need no requests."""

from itertools import count

from service.backends import Backends

_names = count(1)


def new_user(stores: Backends) -> int:
    """The id of a new user; one after the other lands on another shard, more or less."""
    user_id = stores.accounts.create_user(f"row{next(_names)}", "no hash")
    assert user_id is not None
    return user_id


def new_photo(stores: Backends, owner_id: int, caption: str = "") -> int:
    """The id of a new photo, which nobody has been told of yet."""
    photo_id = stores.photos.next_photo_id(owner_id)
    assert stores.photos.insert_photo(photo_id, owner_id, f"photos/{owner_id}/{photo_id}.jpg", caption)
    return photo_id
