"""A record as a file: versioned JSON, and the schema of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from likestorm.errors import UsageError
from likestorm.files import write_whole
from likestorm.results.record import SCHEMA, Record


class RecordError(UsageError):
    """A file that is not a record, or is one of another schema version."""


def save(record: Record, path: Path) -> None:
    """Write the record as indented JSON, whole or not at all."""
    write_whole(path, msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")


def load(path: Path) -> Record:
    """Read a record; RecordError says which file and what is wrong with it."""
    try:
        data = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise RecordError(f"{path}: {error}") from error
    version = data.get("schema") if isinstance(data, dict) else None
    if version not in range(1, SCHEMA + 1):
        raise RecordError(f"{path}: schema {version!r}, this version reads 1 to {SCHEMA}")
    try:
        return msgspec.convert(migrate(data), Record)
    except msgspec.ValidationError as error:
        raise RecordError(f"{path}: {error}") from error


def migrate(data: dict[str, Any]) -> dict[str, Any]:
    """A record of an earlier schema as one of this."""
    if data["schema"] == SCHEMA:
        return data
    migrated = {key: value for key, value in data.items() if key != "pooler"} | {"schema": SCHEMA}
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
    """The JSON Schema of record.json; loadtests/likestorm/results/record.schema.json holds it."""
    schema = msgspec.json.schema(Record)
    about = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"record.json, schema {SCHEMA}"}
    return msgspec.json.format(msgspec.json.encode(about | schema), indent=1).decode() + "\n"
