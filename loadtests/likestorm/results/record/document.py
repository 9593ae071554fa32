"""A record as a file: versioned JSON, and its schema."""

from pathlib import Path
from typing import Any

import msgspec

from likestorm.errors import UsageError
from likestorm.files import write_whole
from likestorm.results.record import SCHEMA, Record

RENAMED = {"hops": "reconciliation", "drifts": "trends"}
"""Keys of schema 1 and their present names."""


class RecordError(UsageError):
    """A file that holds no record, or one of an unknown schema version."""


def save(record: Record, path: Path) -> None:
    """Write the record as indented JSON, whole or not at all."""
    write_whole(path, msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")


def load(path: Path) -> Record:
    """Read a record; RecordError names the file and the problem."""
    try:
        data = msgspec.json.decode(path.read_bytes())
        version = data.get("schema") if isinstance(data, dict) else None
        if version not in range(1, SCHEMA + 1):
            raise RecordError(f"{path}: schema {version!r}, this version reads 1 to {SCHEMA}")
        return msgspec.convert(migrate(data), Record)
    except (OSError, msgspec.MsgspecError) as error:
        raise RecordError(f"{path}: {error}") from error


def migrate(data: dict[str, Any]) -> dict[str, Any]:
    """The content of a record of schema 1 in the present schema; a present record stays as it is."""
    if data["schema"] == SCHEMA:
        return data
    migrated = {RENAMED.get(key, key): value for key, value in data.items() if key != "pooler"} | {"schema": SCHEMA}
    environment = data.get("environment") or {}
    migrated["settings"] = {key: environment[key] for key in ("topology", "storage") if key in environment}
    migrated["panels"] = [
        each | {"part": "groupname"} if each["panel"] == "cpu-by-part" else each for each in data.get("panels", [])
    ]
    if pooler := data.get("pooler"):
        wait = {"tier": "db", "behind": "pool", "source": "PgBouncer", "wait_s": pooler["wait_s"]}
        migrated["tier_waits"] = [wait | {"work_s": pooler["query_s"]}]
    return migrated


def describe() -> str:
    """The JSON Schema of record.json; loadtests/likestorm/results/record.schema.json is a copy."""
    schema = msgspec.json.schema(Record)
    about = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"record.json, schema {SCHEMA}"}
    return msgspec.json.format(msgspec.json.encode(about | schema), indent=1).decode() + "\n"
