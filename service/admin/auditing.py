"""What the service has stored since a moment, read from the stores themselves."""

from datetime import datetime

import psycopg

from service.backends import bucket
from service.config import Config
from service.domain.errors import UnavailableError
from service.stores.objects import Objects

_ROWS = {
    "likes": "SELECT user_id || ':' || photo_id FROM likes WHERE created_at >= %s",
    "photos": "SELECT photo_id::text FROM photos WHERE created_at >= %s",
    "users": "SELECT username FROM users WHERE created_at >= %s",
}


def audit(config: Config, since: datetime) -> dict[str, list[str]]:
    """What was created at `since` or later: likes as USER:PHOTO, photos, users, and the keys of photo objects.

    Object stores keep whole seconds: of objects, those of the second in which `since` lies count too.
    """
    stored: dict[str, list[str]] = {}
    try:
        with psycopg.connect(config.database_url, prepare_threshold=None) as connection:
            for name, query in _ROWS.items():
                stored[name] = [text for (text,) in connection.execute(query, (since,))]
    except psycopg.Error as error:
        raise UnavailableError("postgres", error) from error
    objects = Objects(bucket(config, config.s3_endpoint), config.backend_timeout_s * 5)
    try:
        found = objects.list_objects("photos/")
    finally:
        objects.close()
    first_second = since.replace(microsecond=0)
    stored["objects"] = [entry.key for entry in found if entry.last_modified >= first_second]
    return stored
