"""Where load may go: to loopback, and to hosts that the scenario allows by name; everything else is refused."""

from __future__ import annotations

import _socket
import ipaddress
import sys
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit


class RefusedError(ConnectionError):
    """A connection to a host that the scenario does not allow; the message says how to allow it."""


class HostGuard:
    """Decides by name and by address; `refusal` is the first that was refused, for whoever ends the run."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed = {name.lower().strip("[]") for name in allowed}
        self._addresses: set[str] = set()
        self._resolving = False
        self.refusal = ""

    def check_url(self, url: str) -> None:
        """RefusedError where load must not go to this URL's host."""
        host = urlsplit(url).hostname or ""
        self.check_address(host) if _is_address(host) else self.check_name(host)

    def check_name(self, name: str) -> None:
        """RefusedError where a name is neither allowed nor one of loopback only."""
        if name.lower() in self._allowed:
            return
        addresses = self._resolve(name)
        if not addresses or not all(_is_loopback(address) for address in addresses):
            self._refuse(name)

    def check_address(self, address: str) -> None:
        """RefusedError where an address is neither loopback's nor that of an allowed name."""
        if _is_loopback(address) or address in self._addresses or address in self._allowed:
            return
        # A name may have moved since it was last asked about.
        self._addresses = {found for name in self._allowed for found in self._resolve(name)}
        if address not in self._addresses:
            self._refuse(address)

    def install(self) -> None:
        """Have every socket of this process checked, whoever opens it, until the process ends."""
        sys.addaudithook(self._audit)

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if not event.startswith("socket.") or self._resolving:
            return
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            address = args[1]
            if isinstance(address, tuple):  # others are sockets of this machine: no network
                self._check(address[0])
        elif event in ("socket.getaddrinfo", "socket.gethostbyname") and args[0]:
            name = args[0].decode() if isinstance(args[0], bytes) else args[0]
            if not _is_address(name):
                self.check_name(name)

    def _check(self, host: str) -> None:
        self.check_address(host) if _is_address(host) else self.check_name(host)

    def _resolve(self, name: str) -> set[str]:
        """The addresses of a name; none where it has none."""
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
    """Whether packets to it stay on this machine's loopback; the unspecified address is connected to as loopback."""
    found = ipaddress.ip_address(address.partition("%")[0])
    found = getattr(found, "ipv4_mapped", None) or found
    return found.is_loopback or found.is_unspecified
