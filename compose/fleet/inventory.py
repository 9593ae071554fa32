"""The hosts of a fleet, and the commands that bring a version into service."""

import tomllib
from dataclasses import MISSING, dataclass, fields
from pathlib import Path

from compose.errors import UsageError


@dataclass(frozen=True)
class Fleet:
    """Hosts as ssh names them ([USER@]HOST[:PORT] or a name of ssh_config) and the commands for each host.

    folder: folder of the releases, absolute or relative to the login directory; its link `current` is the release in
    service. prepare: runs in a new release before it goes into service, empty for nothing. restart: puts `current` into
    service. health: succeeds within patience_s seconds when the host serves. timeout_s: limit for each command.
    """

    hosts: tuple[str, ...]
    restart: str
    health: str
    folder: str = "likestorm"
    prepare: str = ""
    patience_s: float = 60
    timeout_s: float = 600


def load(path: Path) -> Fleet:
    """Read a TOML file with these keys; UsageError names it and what is wrong."""
    try:
        content = tomllib.loads(path.read_text())
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}") from error
    known = {field.name: field for field in fields(Fleet)}
    for key, value in content.items():
        if key not in known:
            raise UsageError(f"{path}: unknown key {key}, known: {', '.join(known)}")
        if not _fits(key, value):
            raise UsageError(f"{path}: {key} cannot be {value!r}")
    missing = [name for name, field in known.items() if field.default is MISSING and name not in content]
    if missing:
        raise UsageError(f"{path}: {', '.join(missing)} missing")
    return Fleet(**{**content, "hosts": tuple(content["hosts"])})


def _fits(key: str, value: object) -> bool:
    if key == "hosts":
        # Each host once: two actions in the same folder would interfere.
        return isinstance(value, list) and all(isinstance(host, str) and host for host in value) and _are_unique(value)
    if key.endswith("_s"):
        return isinstance(value, int | float) and not isinstance(value, bool) and value > 0
    return isinstance(value, str) and (bool(value) or key == "prepare")


def _are_unique(hosts: list[str]) -> bool:
    return len(hosts) == len(set(hosts)) > 0
