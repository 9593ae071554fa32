"""Where things are within a container: configuration read-only, and what may be written on volumes."""

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
# Names the file that describes the stack, where load is made from within.
STACK_VARIABLE = "LIKESTORM_STACK"
STACK = CONFIGURATION / "stack" / "stack.json"
# As in the official images, which give these folders to their users.
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
    """What a part is one of: postgres for postgres-1-replica, worker for worker-push, nginx for nginx-2."""
    return re.split(r"-(?=\d|push|fanout|thumbnails|share)", part)[0]


def volume(part: str) -> Path | None:
    """Where a part keeps what outlives its container; None where there is nothing."""
    return _VOLUMES.get(kind(part))


class Inside(Layout):
    """The layout that every container sees: a folder a part below CONFIGURATION."""

    def __init__(self) -> None:
        super().__init__(state=CONFIGURATION, run=CONFIGURATION, user=None)

    @property
    def objects(self) -> Path:
        """Where the object store keeps photos."""
        return OBJECTS / "objects"

    @property
    def logs(self) -> Path:
        """A volume that the collectors share with every nginx, for its access log."""
        return LOGS

    @property
    def shards(self) -> Path:
        """In a folder of its own, which the service's containers have."""
        return self.folder("shards") / "shards.json"

    def writable(self, part: str) -> Path:
        """The part's volume, or what is gone with its container."""
        return volume(part) or SCRATCH
