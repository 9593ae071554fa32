"""One memcached server as one process sees it, and which server has which entry."""

import threading
from collections import deque
from collections.abc import Sequence
from contextlib import closing
from hashlib import blake2b
from typing import Any

from pymemcache.client.base import Client
from pymemcache.exceptions import MemcacheError

from service.domain.errors import UnavailableError

SLOTS = 1024
PROBE_INTERVAL_S = 0.25
SETTLING_S = 1.0
"""Longer than any process needs to send its owed deletions: one interval, and one time-out of a probe."""

Address = tuple[str, int]


class Server:
    """Calls a server, and leaves it alone for a while when it did not answer in time.

    A server that refuses has lost all it held: calls fail at once, and no deletion is missing. One that hangs will
    answer again with what it held, so deletions are owed to it: a thread sends them as soon as it answers, and only
    when other processes have had the time to do the same is it read again.
    """

    def __init__(self, address: Address, timeout: float) -> None:
        self._address = address
        self._options = {"connect_timeout": timeout, "timeout": timeout, "no_delay": True}
        # Of clients that are used by one thread at a time; pymemcache's own pool costs as much as what it is used for.
        self._idle: deque[Client] = deque()
        self._lock = threading.Lock()
        self._owed: set[str] = set()
        self._hung = False
        self._closed = threading.Event()

    def call(self, command: str, *args: object, **options: object) -> Any:
        """What the command gives; UnavailableError when the server does not answer, or did not lately."""
        if self._hung:
            raise self._unavailable("it did not answer lately")
        try:
            return self._ask(command, *args, **options)
        except TimeoutError as error:
            self._leave_alone()
            raise self._unavailable(error) from error
        except (OSError, MemcacheError) as error:
            raise self._unavailable(error) from error

    def delete(self, key: str) -> None:
        """Drop an entry and know that it is done; UnavailableError when it is not, or not yet."""
        if not self._hung and (self._delete(key) or self._delete_afresh(key)):
            return
        with self._lock:
            if self._hung:
                self._owed.add(key)
        raise self._unavailable(f"{key} is not deleted")

    def close(self) -> None:
        """Close all connections."""
        self._closed.set()
        while self._idle:
            self._idle.pop().close()

    def _ask(self, command: str, *args: object, **options: object) -> Any:
        """What the command gives, on a connection that nobody uses; one that fails is closed and made anew later."""
        try:
            client = self._idle.pop()
        except IndexError:
            client = Client(self._address, **self._options)
        try:
            return getattr(client, command)(*args, **options)
        except BaseException:
            client.close()
            raise
        finally:
            self._idle.append(client)

    def _delete(self, key: str) -> bool:
        try:
            self._ask("delete", key, noreply=False)
        except TimeoutError:
            self._leave_alone()
            return False
        except (OSError, MemcacheError):
            return False
        return True

    def _delete_afresh(self, key: str) -> bool:
        """Delete on a connection of its own: a kept one may lead to a server that was started anew and filled since."""
        if self._hung:
            return False
        try:
            with closing(Client(self._address, **self._options)) as client:
                client.delete(key, noreply=False)
        except ConnectionRefusedError:
            return False
        except (OSError, MemcacheError):
            self._leave_alone()
            return False
        return True

    def _leave_alone(self) -> None:
        with self._lock:
            if not self._hung:
                self._hung = True
                threading.Thread(target=self._make_up, name=f"memcached {self._address}", daemon=True).start()

    def _make_up(self) -> None:
        """Send what is owed whenever the server answers, until it has done so for as long as it settles."""
        settling = 0.0
        while not self._closed.wait(PROBE_INTERVAL_S):
            settling = settling + PROBE_INTERVAL_S if self._pay() else 0.0
            with self._lock:
                if settling > SETTLING_S and not self._owed:
                    self._hung = False
                    return

    def _pay(self) -> bool:
        """Whether the server has taken every deletion that was owed, or has lost everything anyway."""
        with self._lock:
            owed, self._owed = self._owed, set()
        try:
            with closing(Client(self._address, **self._options)) as client:
                client.version()
                client.delete_many(owed, noreply=False)
        except ConnectionRefusedError:
            return True
        except (OSError, MemcacheError):
            with self._lock:
                self._owed |= owed
            return False
        return True

    def _unavailable(self, cause: object) -> UnavailableError:
        host, port = self._address
        return UnavailableError("memcached", f"{host}:{port}: {cause}")


def share_out(addresses: Sequence[Address]) -> list[int]:
    """For each of SLOTS slots, the index of its server, by rendezvous hashing.

    A server that comes or goes moves only its own share; the order of the addresses does not matter. Worked out once,
    since the hash itself costs more than a look-up may.
    """

    def weight(slot: int, address: Address) -> bytes:
        return blake2b(f"{slot}-{address[0]}:{address[1]}".encode(), digest_size=8).digest()

    return [max(range(len(addresses)), key=lambda i: weight(slot, addresses[i])) for slot in range(SLOTS)]
