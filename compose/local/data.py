"""The data of a running stack: filled, audited, moved to a replica, and the errors of its tracker."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import msgspec

from compose.bugsink import part
from compose.credentials import Credentials, postgres_url
from compose.errors import StackError
from compose.layout import CLONE, find
from compose.local import promotion, startup
from compose.local.stack import Target, read_record

CACHE = CLONE / ".cache"


def seed(
    target: Target,
    *,
    users: int,
    photos_per_user: int,
    follows_per_user: int,
    seed: int,
    active_users: int | None = None,
    is_shown: bool = False,
) -> Path:
    """Empty the stores, fill them with this data, and return the manifest of the data.

    The same numbers give the same data. active_users: how many users are logged in; None takes the seeder's default.
    is_shown: the seeder's progress goes to the caller's terminal. StackError with the seeder's last line of complaint.
    """
    numbers = {
        "--users": users,
        "--photos-per-user": photos_per_user,
        "--follows-per-user": follows_per_user,
        "--seed": seed,
    }
    if active_users is not None:
        numbers["--active-users"] = active_users
    options = [text for name, number in numbers.items() for text in (name, str(number))]
    arguments = ("seed", *options, "--cache", str(CACHE), "--manifest", str(manifest(target)))
    startup.run_service(arguments, target.environment, is_shown=is_shown)
    return manifest(target)


def manifest(target: Target) -> Path:
    """The file that lists the seeded users with their sessions, photos and JPEGs; exists once the stores are filled."""
    return target.run_dir / "manifest.json"


def audit(target: Target, since: datetime) -> dict[str, list[str]]:
    """Likes, photos, objects and users that the stores hold and that were made since then (a time with a zone)."""
    printed = startup.run_service(("audit", "--since", since.isoformat()), target.environment)
    return msgspec.json.decode(printed, type=dict[str, list[str]])


def promote(target: Target, server: str, on_step: promotion.OnStep = lambda _step: None) -> None:
    """Put a primary's replica in its place, whether the primary still runs or not.

    UsageError when there is no such server or it has no replica left, StackError when it cannot be done.
    """
    port = target.topology.ports.get(f"{server}-replica", 0)
    url = postgres_url("postgres", _secrets(target).superuser, port)
    promotion.promote(target.supervisor, Path(target.environment["LIKESTORM_SHARDS"]), server, url, on_step)


def read_errors(target: Target) -> Mapping[str, part.Issue] | None:
    """Every issue of the error tracker by its id; None without a tracker, StackError when it does not answer."""
    return part.read(target.topology, _secrets(target)) if target.topology.errors else None


def _secrets(target: Target) -> Credentials:
    record = read_record(find(target.state_dir))
    if record is None:
        raise StackError("not running")
    return record.credentials
