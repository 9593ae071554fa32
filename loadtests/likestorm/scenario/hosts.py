"""Hosts that load may go to: loopback, and the hosts that the scenario allows; all others are refused."""

import _socket
import ipaddress
import sys
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit


class RefusedError(ConnectionError):
    """A connection to a host that the scenario does not allow; the message tells how to allow it."""


class HostGuard:
    """Checks names and addresses; `refusal` keeps the message of the first refusal, which ends the run."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed = {name.lower().strip("[]") for name in allowed}
        self._addresses: set[str] = set()
        self._resolving = False
        self.refusal = ""

    def check_url(self, url: str) -> None:
        """RefusedError if load must not go to the URL's host."""
        self._check(urlsplit(url).hostname or "")

    def check_name(self, name: str) -> None:
        """RefusedError unless a name is allowed or resolves to loopback only."""
        if name.lower() in self._allowed:
            return
        addresses = self._resolve(name)
        if not addresses or not all(_is_loopback(address) for address in addresses):
            self._refuse(name)

    def check_address(self, address: str) -> None:
        """RefusedError unless an address is on loopback or belongs to an allowed name."""
        if _is_loopback(address) or address in self._addresses or address in self._allowed:
            return
        # The address of a name may have changed since the last lookup.
        self._addresses = {found for name in self._allowed for found in self._resolve(name)}
        if address not in self._addresses:
            self._refuse(address)

    def install(self) -> None:
        """Check every socket of this process, until the process ends."""
        sys.addaudithook(self._audit)

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if not event.startswith("socket.") or self._resolving:
            return
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            address = args[1]
            if isinstance(address, tuple):  # other sockets stay on this machine
                self._check(address[0])
        elif event in ("socket.getaddrinfo", "socket.gethostbyname") and args[0]:
            name = args[0].decode() if isinstance(args[0], bytes) else args[0]
            if not _is_address(name):
                self.check_name(name)

    def _check(self, host: str) -> None:
        self.check_address(host) if _is_address(host) else self.check_name(host)

    def _resolve(self, name: str) -> set[str]:
        """The addresses of a name. gevent leaves _socket alone, so no greenlet connects unchecked during the lookup."""
        self._resolving = True
        try:
            return {str(found[4][0]) for found in _socket.getaddrinfo(name, None)}
        except OSError:
            return set()
        finally:
            self._resolving = False

    def _refuse(self, host: str) -> None:
        message = f"load to {host} is refused: it is not loopback; add it to allow_hosts under [target] to allow it"
        self.refusal = self.refusal or message
        raise RefusedError(message)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_loopback(address: str) -> bool:
    """Whether packets to an address stay on loopback; connections to the unspecified address do."""
    found = ipaddress.ip_address(address.partition("%")[0])
    found = getattr(found, "ipv4_mapped", None) or found
    return found.is_loopback or found.is_unspecified
