"""Connections to hosts whose keys are known."""

import contextlib
import socket
from pathlib import Path

from fabric import Config, Connection
from fabric.runners import Remote
from invoke.exceptions import CommandTimedOut, UnexpectedExit
from paramiko import AuthenticationException, RejectPolicy, SSHException
from paramiko.ssh_exception import NoValidConnectionsError

CONNECT_TIMEOUT_S = 10


class _Remote(Remote):  # type: ignore[misc]  # fabric has no types
    """A command that remembers its timeout.

    Fabric detects a timeout by the end of the thread that stops the command. That thread closes the channel first, and
    the command can then seem to have ended by itself with status -1.
    """

    _given_up = False

    def kill(self) -> None:
        self._given_up = not self.process_is_finished
        with contextlib.suppress(EOFError, OSError):  # the connection may be closed by then
            super().kill()

    @property
    def timed_out(self) -> bool:
        return self._given_up


def connect(host: str, config: Config, timeout_s: float | None) -> Connection:
    """An open connection whose commands time out after timeout_s; a host with an unknown key is refused."""
    connection = Connection(host, config=config, connect_timeout=CONNECT_TIMEOUT_S)
    connection.config.run.hide = True
    connection.config.run.in_stream = False
    connection.config.timeouts.command = timeout_s
    connection.config.runners.remote = _Remote
    # Fabric's own policy accepts every unknown key.
    connection.client.set_missing_host_key_policy(RejectPolicy())
    for file in connection.ssh_config.get("userknownhostsfile", "~/.ssh/known_hosts").split():
        if Path(file).expanduser().exists():
            connection.client.load_host_keys(str(Path(file).expanduser()))
    connection.open()
    return connection


def explain(error: Exception) -> str:
    """One line that says why an action failed."""
    if isinstance(error, UnexpectedExit):
        said = (error.result.stderr.strip() or error.result.stdout.strip()).splitlines()
        return f"exit status {error.result.exited}" + (f": {said[-1]}" if said else "")
    if isinstance(error, CommandTimedOut):
        return f"not done within {error.timeout:g} s"
    if isinstance(error, AuthenticationException):
        return "refused our key"
    if isinstance(error, TimeoutError | socket.gaierror | NoValidConnectionsError):
        return f"cannot be reached: {_first_line(error)}"
    if isinstance(error, SSHException):
        return f"ssh: {_first_line(error)}"
    return _first_line(error)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
