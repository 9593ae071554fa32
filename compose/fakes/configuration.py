"""The fakes' configuration, read from the file that compose/fakes/part.py writes."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from compose.errors import StackError
from compose.topology import LOOPBACK


@dataclass(frozen=True)
class Configuration:
    """port: control, networks and metrics. push_port: the push service. All on the address `listen`.

    certificate, key: of the push service, files in PEM. provider_keys: by key id, files of the public keys in PEM that
    verify the tokens of pushes. team_id, topic: the only ones that are accepted.
    """

    port: int
    push_port: int
    certificate: str
    key: str
    provider_keys: dict[str, str]
    team_id: str
    topic: str
    listen: str = LOOPBACK


def load(path: Path) -> Configuration:
    """Read the JSON file; StackError names it and what is wrong."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Configuration)
    except (OSError, msgspec.MsgspecError) as error:
        raise StackError(f"{path}: {error}") from error
