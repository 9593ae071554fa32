"""The schema: numbered SQL files, each applied once."""

from pathlib import Path

import psycopg

from service.domain.errors import ServiceError

SCHEMA = Path(__file__).parents[1] / "schema"
# Any number that nothing else locks in this database.
_LOCK = 0x6C696B6573


class MigrationError(ServiceError):
    """The database could not be reached, or refused a file."""


def migrate(database_url: str, directory: Path = SCHEMA) -> list[str]:
    """Apply what has not been applied yet and return the names; all of it in one transaction or nothing.

    Several may try at once: they wait for each other.
    """
    try:
        with psycopg.connect(database_url, prepare_threshold=None) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            connection.execute(
                "CREATE TABLE IF NOT EXISTS schema_migrations "
                "(name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
            )
            applied = {name for (name,) in connection.execute("SELECT name FROM schema_migrations")}
            pending = [file for file in sorted(directory.glob("*.sql")) if file.name not in applied]
            for file in pending:
                connection.execute(file.read_bytes())
                connection.execute("INSERT INTO schema_migrations (name) VALUES (%s)", (file.name,))
    except psycopg.Error as error:
        raise MigrationError(str(error)) from error
    return [file.name for file in pending]
