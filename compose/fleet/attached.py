"""From here: a command on every host for as long as this process wants it and is there."""

import socket
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress

from fabric import Config, Connection
from paramiko import Channel

from compose.errors import StackError
from compose.fleet.outcomes import Outcome, act_on
from compose.fleet.tied import SILENCE_S, STOP_S

BEAT_S = 2.0
"""So often a host hears from here (compose/fleet/tied.py)."""
LEAVE_S = 5.0
"""So long commands that have no more to do may take to end by themselves."""


class Errand:
    """One host's command; `run` returns when it has ended, or when the host has been silent for too long."""

    def __init__(self, host: str, command: str, config: Config) -> None:
        self.host = host
        self.said = ""
        self._command, self._config = command, config
        self._connection: Connection | None = None
        self._channel: Channel | None = None
        self._is_released = False

    def run(self) -> Outcome:
        """What came of it; all that the command printed is in the errand's own `said`."""
        return act_on(self.host, self._act, self._config, SILENCE_S)

    def release(self) -> None:
        """Let the command end: its standard input does."""
        self._is_released = True
        if self._channel is not None:
            with suppress(OSError, EOFError):
                self._channel.shutdown_write()

    def give_up(self) -> None:
        """Wait for this host no longer."""
        if self._connection is not None:
            self._connection.close()

    def _act(self, connection: Connection) -> str:
        self._connection = connection
        _notice_silence(connection)
        channel: Channel = connection.transport.open_session()
        channel.set_combine_stderr(True)
        channel.settimeout(BEAT_S)
        channel.exec_command(self._command)
        self._channel = channel
        if self._is_released:
            self.release()
        self._listen(channel)
        status = channel.recv_exit_status()
        if status == -1:
            raise StackError(f"cut off: what runs there ends by itself, not heard from for {SILENCE_S:g} s")
        if status:
            raise StackError(f"exit status {status}: {(self.said.splitlines() or ['it said nothing'])[-1]}")
        return self.said

    def _listen(self, channel: Channel) -> None:
        """Keep what the command prints until it ends, and let it hear from here."""
        said = b""
        while True:
            try:
                heard = channel.recv(65536)
            except TimeoutError:
                with suppress(OSError):  # what was just released, or is gone, needs no sign of life
                    if not self._is_released:
                        channel.sendall(b"\n")
                continue
            if not heard:
                break
            said += heard
        self.said = said.decode(errors="replace").strip()


@contextmanager
def attached(
    commands: Mapping[str, str], config: Config, on_end: Callable[[Outcome, str], None]
) -> Iterator[Callable[[float], list[Outcome]]]:
    """Run on each host its command until the block ends. Gives out what ends them all, for their outcomes, in order.

    Its argument is for how many seconds they may take to end by themselves. on_end is called, in some thread, as soon
    as a command has ended, with all that it printed.
    """
    errands = [Errand(host, command, config) for host, command in commands.items()]

    def run(errand: Errand) -> Outcome:
        outcome = errand.run()
        on_end(outcome, errand.said)
        return outcome

    with ThreadPoolExecutor(max(1, len(errands))) as threads:
        running = [threads.submit(run, errand) for errand in errands]
        try:
            yield lambda patience_s: _outcomes(errands, running, patience_s)
        finally:
            _outcomes(errands, running, 0)


def _outcomes(errands: list[Errand], running: list["Future[Outcome]"], patience_s: float) -> list[Outcome]:
    """Of commands that may take so long to end by themselves, are then told to, and are then not waited for."""
    wait(running, patience_s)
    for errand, future in zip(errands, running, strict=True):
        if not future.done():
            errand.release()
    wait(running, STOP_S + BEAT_S)
    for errand, future in zip(errands, running, strict=True):
        if not future.done():
            errand.give_up()
    return [future.result() for future in running]


def _notice_silence(connection: Connection) -> None:
    """Have the kernel end a connection whose other end does not acknowledge what is sent, as if it were closed."""
    wire = connection.transport.sock
    if isinstance(wire, socket.socket):  # through another host it is that one's channel
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(SILENCE_S * 1e3))
