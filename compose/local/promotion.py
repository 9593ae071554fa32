"""A replica takes its primary's place."""

import time
from collections.abc import Callable
from pathlib import Path

from compose.errors import StackError
from compose.local.supervision import Supervisor
from compose.postgres import shard_map

_STOP_TIMEOUT_S = 15.0
_POLL_S = 0.05
_STAYS_DOWN = ("STOPPED", "FATAL")

OnStep = Callable[[str], None]


def promote(supervisor: Supervisor, file: Path, server: str, replica_url: str, on_step: OnStep) -> None:
    """Make `server`'s replica its primary and say so in the shard map; writes fail from the first step to the last.

    replica_url: for a superuser, past PgBouncer. A primary that still runs is stopped first, in good order if it can:
    then it hands its replica everything before it ends; one that was killed may take the writes of its last moment
    with it. UsageError, StackError: what cannot be done and why.
    """
    with shard_map.alone(file):
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
    """It must not come back beside its successor."""
    deadline = time.monotonic() + _STOP_TIMEOUT_S
    # One that was killed a moment ago cannot be stopped, and supervisord is about to start it again.
    while supervisor.states()[server].state not in _STAYS_DOWN:
        if time.monotonic() > deadline:
            raise StackError(f"{server} does not end: nothing was promoted")
        supervisor.stop([server])
        time.sleep(_POLL_S)


def _take_over(replica: str, url: str) -> None:
    import psycopg

    # Whatever it has received it replays before it becomes a primary.
    statement = "SELECT CASE WHEN pg_is_in_recovery() THEN pg_promote(true, 30) ELSE true END"
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
            row = connection.execute(statement).fetchone()
    except psycopg.Error as error:
        raise StackError(f"{replica} cannot be promoted: {' '.join(str(error).split())}") from error
    if row is None or not row[0]:
        raise StackError(f"{replica} did not become a primary in 30 s")
