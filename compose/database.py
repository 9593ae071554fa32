"""The PostgreSQL cluster of a stack: made before the server starts, furnished when it answers."""

import subprocess
from collections.abc import Mapping

from compose.credentials import DATABASE, MONITOR, ROLE, Credentials, postgres_url
from compose.errors import StackError
from compose.layout import Layout
from compose.supervision import environment
from compose.topology import Topology


def initialise(layout: Layout, programs: Mapping[str, str]) -> None:
    """Run initdb; without syncing, for a crash now would only mean to start again."""
    folder = layout.folder("postgres")
    done = subprocess.run(
        (programs["initdb"], "--pgdata", folder / "data", "--username", "postgres", "--pwfile", folder / "password",
         "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--no-sync", "--no-instructions"),
        user=layout.user, group=layout.user, cwd=folder, env=environment(layout),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise StackError(f"postgres: initdb failed: {' '.join(done.stderr.split())[-300:]}")


def furnish(topology: Topology, credentials: Credentials) -> None:
    """Make the service's role and database, and a role that may see every statistic and nothing else."""
    import psycopg
    from psycopg import sql

    url = postgres_url("postgres", credentials.superuser, topology.ports["postgres"], "postgres")
    statements = (
        ("CREATE ROLE {} LOGIN PASSWORD {}", ROLE, credentials.database),
        ("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE pg_monitor", MONITOR, credentials.monitor),
    )
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        for statement, role, password in statements:
            connection.execute(sql.SQL(statement).format(sql.Identifier(role), sql.Literal(password)))
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(ROLE))
        )
