"""A replica takes its primary's place."""

from collections.abc import Callable
from pathlib import Path

from compose.errors import StackError
from compose.local.supervision import Supervisor
from compose.locks import exclusive
from compose.postgres import shard_map
from compose.readiness import wait_until

_STOP_TIMEOUT_S = 15.0
_STAYS_DOWN = ("STOPPED", "FATAL")

OnStep = Callable[[str], None]


def promote(supervisor: Supervisor, file: Path, server: str, replica_url: str, on_step: OnStep) -> None:
    """Make `server`'s replica its primary and write the shard map; writes fail from the first step to the last.

    replica_url: for a superuser, past PgBouncer. A primary that runs is stopped first, in good order if it can: its
    replica then gets every write. A primary that was killed can take its last writes with it. UsageError, StackError:
    what cannot be done and why.
    """
    with exclusive(file.parent):
        promoted = shard_map.read(file).promoted(server)
        replica = f"{server}-replica"
        if not supervisor.states()[replica].pid:
            raise StackError(f"{replica} does not run and cannot be promoted")
        on_step(f"stopping {server}")
        _stop(supervisor, server)
        on_step(f"promoting {replica}")
        _take_over(replica, replica_url)
        on_step("changing the shard map")
        shard_map.write(file, promoted)


def _stop(supervisor: Supervisor, server: str) -> None:
    """Stop the server for good: it must not come back beside its successor."""

    def is_down() -> bool:
        if supervisor.states()[server].state in _STAYS_DOWN:
            return True
        # supervisord cannot stop a server that was just killed, and is about to start it again.
        supervisor.stop([server])
        return False

    if not wait_until(is_down, _STOP_TIMEOUT_S):
        raise StackError(f"{server} does not end: nothing was promoted")


def _take_over(replica: str, url: str) -> None:
    import psycopg

    # The replica replays everything that it has received before it becomes a primary.
    statement = "SELECT CASE WHEN pg_is_in_recovery() THEN pg_promote(true, 30) ELSE true END"
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
            row = connection.execute(statement).fetchone()
    except psycopg.Error as error:
        raise StackError(f"{replica} cannot be promoted: {' '.join(str(error).split())}") from error
    if row is None or not row[0]:
        raise StackError(f"{replica} did not become a primary in 30 s")
