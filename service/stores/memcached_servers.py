"""One memcached server as one process sees it, and the choice of the server for an entry."""

import threading
from collections.abc import Collection, Sequence
from contextlib import closing
from functools import cache
from typing import Any

from pymemcache.client.base import Client, PooledClient
from pymemcache.client.rendezvous import RendezvousHash
from pymemcache.exceptions import MemcacheError

from service.domain.errors import UnavailableError

SLOTS = 1024
PROBE_INTERVAL_S = 0.25
SETTLING_S = 1.0
"""Longer than any process needs to send its owed deletions: one interval and one time-out of a probe."""

Address = tuple[str, int]


class Server:
    """A pymemcache client that leaves a hung server alone and owes it the deletions that it missed.

    pymemcache's HashClient moves the entries of a failed server to the others and back, and forgets deletions: a hung
    server would then answer with counts from before. Here a thread sends the owed deletions when the server answers
    again, and the server is read only after all other processes have had the time to do the same. A server that
    refuses connections has lost all entries, so it misses no deletion.
    """

    def __init__(self, address: Address, timeout: float) -> None:
        self._address = address
        self._options = {"connect_timeout": timeout, "timeout": timeout, "no_delay": True}
        self._client = PooledClient(address, **self._options)
        self._lock = threading.Lock()
        self._owed: set[str] = set()
        self._hung = False
        self._closed = threading.Event()

    def call(self, command: str, *args: object, **options: object) -> Any:
        """The command's result; UnavailableError when the server does not answer, or did not lately."""
        if self._hung:
            raise self._unavailable("it did not answer lately")
        try:
            return getattr(self._client, command)(*args, **options)
        except TimeoutError as error:
            self._leave_alone()
            raise self._unavailable(error) from error
        except (OSError, MemcacheError) as error:
            raise self._unavailable(error) from error

    def delete(self, key: str) -> None:
        """Delete an entry and wait until the server has done so; UnavailableError when it has not, or not yet."""
        if not self._hung:
            try:
                self._client.delete(key, noreply=False)
            except TimeoutError:
                self._leave_alone()
            except (OSError, MemcacheError):
                # A kept connection may lead to a process that has been restarted, and filled, since.
                if self._delete_afresh(key):
                    return
            else:
                return
        with self._lock:
            if self._hung:
                self._owed.add(key)
        raise self._unavailable(f"{key} is not deleted")

    def close(self) -> None:
        """Close all connections."""
        self._closed.set()
        self._client.close()

    def _delete_afresh(self, key: str) -> bool:
        try:
            self._send([key])
        except ConnectionRefusedError:
            return False
        except (OSError, MemcacheError):
            self._leave_alone()
            return False
        return True

    def _send(self, keys: Collection[str]) -> None:
        """Delete entries on a new connection."""
        with closing(Client(self._address, **self._options)) as client:
            client.version()
            client.delete_many(keys, noreply=False)

    def _leave_alone(self) -> None:
        with self._lock:
            if not self._hung:
                self._hung = True
                threading.Thread(target=self._recover, name=f"memcached {self._address}", daemon=True).start()

    def _recover(self) -> None:
        """Send owed deletions until the server has answered for as long as it takes to settle."""
        settling = 0.0
        while not self._closed.wait(PROBE_INTERVAL_S):
            settling = settling + PROBE_INTERVAL_S if self._pay() else 0.0
            with self._lock:
                if settling > SETTLING_S and not self._owed:
                    self._hung = False
                    return

    def _pay(self) -> bool:
        """Whether the server has done every owed deletion, or has lost all entries."""
        with self._lock:
            owed, self._owed = self._owed, set()
        try:
            self._send(owed)
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


class Ring:
    """Spreads keys over servers by pymemcache's rendezvous hash: a new server takes over only its own share.

    The hash takes some 10 µs a server, so its answers for SLOTS groups of keys are kept.
    """

    def __init__(self, addresses: Sequence[Address]) -> None:
        names = {f"{host}:{port}": number for number, (host, port) in enumerate(addresses)}
        choose = RendezvousHash(list(names)).get_node

        @cache
        def find(slot: int) -> int:
            return names[choose(str(slot))]

        self._find = find

    def find(self, number: int) -> int:
        """The index of the server for a hashed key."""
        return self._find(number % SLOTS)
