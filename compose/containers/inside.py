"""Paths within a container: configuration is read-only, data is on volumes."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from compose.layout import Layout

CONFIGURATION = Path("/likestorm")
CODE = Path("/opt/likestorm")
SCRATCH = Path("/tmp")  # noqa: S108 - each container has one of its own
OBJECTS = Path("/objects")
LOGS = Path("/logs")
# The variable with the path of stack.json, for the load generator's containers.
STACK_VARIABLE = "LIKESTORM_STACK"
STACK = CONFIGURATION / "stack" / "stack.json"
# The official images own these folders by their users.
_VOLUMES: Mapping[str, Path] = MappingProxyType(
    {
        "postgres": Path("/var/lib/postgresql/data"),
        "redis": Path("/data"),
        "prometheus": Path("/prometheus"),
        "alertmanager": Path("/alertmanager"),
        "store": OBJECTS,
    }
)


def kind(part: str) -> str:
    """The kind of a part: postgres for postgres-1-replica, worker for worker-push, nginx for nginx-2."""
    return re.split(r"-(?=\d|push|fanout|thumbnails|share)", part)[0]


def volume(part: str) -> Path | None:
    """The folder of a part's data, which outlives its container; None without any."""
    return _VOLUMES.get(kind(part))


class Inside(Layout):
    """The layout in every container: a folder for each part below CONFIGURATION."""

    def __init__(self) -> None:
        super().__init__(state=CONFIGURATION, run=CONFIGURATION, user=None)

    @property
    def objects(self) -> Path:
        """The object store's photos."""
        return OBJECTS / "objects"

    @property
    def logs(self) -> Path:
        """A volume that the collectors share with every nginx, for its access log."""
        return LOGS

    @property
    def shards(self) -> Path:
        """In a folder of its own, which the service's containers mount."""
        return self.folder("shards") / "shards.json"

    def writable(self, part: str) -> Path:
        """The part's volume, or a folder that ends with its container."""
        return volume(part) or SCRATCH
