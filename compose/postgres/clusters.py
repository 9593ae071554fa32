"""The PostgreSQL clusters of a stack: one is made and copied before any server starts."""

import shutil
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from compose.credentials import DATABASE, MONITOR, REPLICATOR, ROLE, Credentials, scram_secret
from compose.errors import StackError
from compose.files import write_whole
from compose.layout import Layout
from compose.local.supervision import environment
from compose.topology import Topology

TEMPLATE = "cluster"
# Small segments: a cluster that has just been made is a third smaller, and there may be dozens of them in memory.
WAL_SEGMENT_MB = 4


def initialise(topology: Topology, layout: Layout, credentials: Credentials, programs: Mapping[str, str]) -> None:
    """Make the data folder of every primary and replica as copies of one cluster, so each replica matches its primary.

    Nothing is synced: after a crash the stack starts anew. StackError with PostgreSQL's message.
    """
    template = layout.make_folder(TEMPLATE, layout.user)
    password = template / "password"
    write_whole(password, credentials.superuser, user=layout.user)
    data = template / "data"
    _run(
        layout, template, "initdb",
        (programs["initdb"], "--pgdata", data, "--username", "postgres", "--pwfile", password,
         "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--wal-segsize", str(WAL_SEGMENT_MB),
         "--no-sync", "--no-instructions"),
    )  # fmt: skip
    # In single-user mode the server reads one statement a line and opens no port. It gets a primary's settings: a
    # replica refuses a cluster that was used with greater ones.
    settings = f"config_file={layout.folder(topology.primary_instances[0])}/postgresql.conf"
    _run(
        layout, template, "the roles",
        (programs["postgres"], "--single", "-F", "-D", data, "-c", settings, "template1"),
        "".join(f"{statement}\n" for statement in statements(credentials)),
    )  # fmt: skip
    folders = [layout.folder(name) for name in topology.database_servers]
    with ThreadPoolExecutor(2) as threads:
        for _ in threads.map(lambda folder: _copy(data, folder / "data"), folders):
            pass
    for name in topology.replica_instances:
        (layout.folder(name) / "data" / "standby.signal").touch(mode=0o600)
    shutil.rmtree(template)


def statements(credentials: Credentials) -> tuple[str, ...]:
    """The statements that make the service's role and database, the role for monitoring and the role for replication.

    Secrets need no quoting. The service's role has a deadline, so that a statement without its client ends; commands
    that need longer set their own.
    """
    return (
        f"CREATE ROLE {ROLE} LOGIN PASSWORD '{scram_secret(credentials.database, credentials.salt)}'",
        f"ALTER ROLE {ROLE} SET statement_timeout = '30s'",
        f"ALTER ROLE {ROLE} SET idle_in_transaction_session_timeout = '60s'",
        f"CREATE ROLE {MONITOR} LOGIN PASSWORD '{credentials.monitor}' IN ROLE pg_monitor",
        f"CREATE ROLE {REPLICATOR} LOGIN REPLICATION PASSWORD '{credentials.replicator}'",
        # A second database would make every copy larger.
        f"ALTER DATABASE postgres RENAME TO {DATABASE}",
        f"ALTER DATABASE {DATABASE} OWNER TO {ROLE}",
        # Without this, autovacuum runs on all servers a minute after their start, within the measurement.
        "VACUUM (ANALYZE)",
    )


def _run(layout: Layout, folder: Path, what: str, command: tuple[str | Path, ...], text: str = "") -> None:
    done = subprocess.run(
        command, user=layout.user, group=layout.user, cwd=folder, env=environment(layout), input=text,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    # In single-user mode a failed statement shows in the output only.
    if done.returncode != 0 or "ERROR:" in done.stderr + done.stdout:
        raise StackError(f"postgres: {what} failed: {' '.join(done.stderr.split())[-300:]}")


def _copy(source: Path, target: Path) -> None:
    """Copy with owners and modes; blocks stay sparse or shared where the file system can."""
    done = subprocess.run(
        ("cp", "-a", "--reflink=auto", "--", source, target), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise StackError(f"postgres: copying the cluster failed: {' '.join(done.stderr.split())[-300:]}")
